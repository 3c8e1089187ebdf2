// The scanner: typed or pasted text, a picture, or the camera. The text box is always there.
import { t } from "./words.js";

const LOOK_EVERY_MS = 120;
const VENDOR = "/static/vendor/";

let decoder = null;

// The browser's own detector where it reads QR codes, else zxing in WebAssembly.
async function makeDecoder() {
  const own = window.BarcodeDetector;
  if (own && (await own.getSupportedFormats()).includes("qr_code")) return new own({ formats: ["qr_code"] });
  await script(`${VENDOR}barcode-detector.js`);
  const { BarcodeDetector, prepareZXingModule } = window.BarcodeDetectionAPI;
  prepareZXingModule({ overrides: { locateFile: (name) => VENDOR + name } });
  return new BarcodeDetector({ formats: ["qr_code"] });
}

function script(source) {
  return new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = source;
    element.addEventListener("load", done);
    element.addEventListener("error", () => failed(new Error(source)));
    document.head.append(element);
  });
}

async function read(source) {
  decoder ??= makeDecoder();
  const found = await (await decoder).detect(source);
  return found[0]?.rawValue ?? null;
}

export class Scanner {
  constructor(root, scanned) {
    this.root = root;
    this.scanned = scanned;
    this.find = (id) => root.querySelector(`#scan-${id}`);
    this.stream = null;
    this.find("form").addEventListener("submit", (event) => { event.preventDefault(); this.typed(); });
    this.find("picture").addEventListener("change", (event) => this.picture(event.target.files[0]));
    this.find("camera").addEventListener("click", () => (this.stream ? this.stop() : this.start()));
    for (const name of ["dragover", "dragleave", "drop"]) root.addEventListener(name, (event) => this.drag(event));
    document.addEventListener("paste", (event) => this.pasted(event));
  }

  say(key, tone = "fine") {
    this.find("said").textContent = key ? t(key) : "";
    this.find("said").dataset.tone = tone;
  }

  typed() {
    const box = this.find("text"), text = box.value.replace(/[\r\n]+/g, "");
    if (!text) return this.say("scan.empty", "look");
    this.say(null);
    box.select();
    return this.scanned(text);
  }

  got(text) {
    this.find("text").value = text;
    this.say("scan.read");
    this.scanned(text);
  }

  async picture(file) {
    if (!file) return;
    try {
      const image = await createImageBitmap(file);
      const text = await read(image);
      if (text) this.got(text);
      else this.say("scan.nothing_found", "look");
    } catch (error) {
      this.say(error.name === "InvalidStateError" ? "scan.nothing_found" : "scan.no_decoder", "look");
    }
    this.find("picture").value = "";
  }

  drag(event) {
    event.preventDefault();
    this.root.classList.toggle("dropping", event.type === "dragover");
    if (event.type !== "drop") return;
    const text = event.dataTransfer.getData("text/plain");
    if (event.dataTransfer.files.length) this.picture(event.dataTransfer.files[0]);
    else if (text) this.got(text);
  }

  pasted(event) {
    const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
    if (file) this.picture(file);
  }

  async start() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      this.say("scan.no_camera", "look");
      return;
    }
    const video = this.find("video");
    video.srcObject = this.stream;
    this.find("view").hidden = false;
    this.button(true);
    this.say("scan.looking");
    await video.play();
    this.look(video);
  }

  async look(video) {
    while (this.stream) {
      let text = null;
      try {
        text = video.readyState >= 2 ? await read(video) : null;
      } catch {
        this.say("scan.no_decoder", "look");
        this.stop(false);
      }
      if (text && this.stream) {
        this.stop(false);
        this.got(text);
      }
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
    }
  }

  stop(quiet = true) {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.find("view").hidden = true;
    this.button(false);
    if (quiet) this.say(null);
  }

  button(on) {
    const button = this.find("camera");
    button.setAttribute("aria-pressed", String(on));
    button.dataset.word = on ? "scan.camera_off" : "scan.camera";
    button.textContent = t(button.dataset.word);
  }
}
