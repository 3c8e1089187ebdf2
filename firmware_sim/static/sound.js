// Chimes and speech. Both are extras: everything they say is also written.
import { currentLanguage } from "./words.js";

// The same tones mean the same on a driver's page: a door is open, it is shut, all is done, no, it sticks. Only a door
// that stands open sounds like nothing else.
const TUNES = { open: [880], shut: [440], done: [660, 880, 1320], refused: [220, 160], stuck: [220, 220], beep: [1760, 0, 1760] };
const EACH_S = 0.14;
let context = null;

export function play(name) {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  TUNES[name].forEach((hertz, nth) => { if (hertz) note(hertz, context.currentTime + nth * EACH_S, 0.12); });
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
  speech.rate = 0.9; // in a lobby, to people who do not listen for it
  speechSynthesis.cancel();
  speechSynthesis.speak(speech);
}
