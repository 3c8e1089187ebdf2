// Chimes and speech. Both are extras: everything they say is also written.
import { currentLanguage } from "./words.js";

const TUNES = { go: [[660, 0], [880, 0.13]], stop: [[220, 0], [196, 0.18]], click: [[1400, 0]], beep: [[1760, 0], [1760, 0.3]], done: [[880, 0], [660, 0.12], [990, 0.24]] };
let context = null;

export function play(name) {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  for (const [hertz, after_s] of TUNES[name]) note(hertz, context.currentTime + after_s, name === "click" ? 0.03 : 0.22);
}

function note(hertz, at_s, long_s) {
  const tone = context.createOscillator(), loud = context.createGain();
  tone.frequency.value = hertz;
  loud.gain.setValueAtTime(0.0001, at_s);
  loud.gain.exponentialRampToValueAtTime(0.12, at_s + 0.01);
  loud.gain.exponentialRampToValueAtTime(0.0001, at_s + long_s);
  tone.connect(loud).connect(context.destination);
  tone.start(at_s);
  tone.stop(at_s + long_s + 0.02);
}

export function say(text) {
  if (!("speechSynthesis" in window)) return;
  const speech = new SpeechSynthesisUtterance(text);
  speech.lang = currentLanguage() === "zh" ? "zh-CN" : "en-GB";
  speechSynthesis.cancel();
  speechSynthesis.speak(speech);
}
