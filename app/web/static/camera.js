/*
 * A camera that reads codes: `caiboxCamera(read, formats)` wires #camera-on, #camera and #camera-trouble of the page and
 * calls `read(text)` for each code it sees. The same code counts again only after a pause.
 */
(() => {
  "use strict";
  const SAME_CODE_MS = 4000;
  const LOOK_MS = 180;

  const load = (src) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = src;
      script.onload = resolve;
      script.onerror = () => reject(new Error(src));
      document.head.append(script);
    });

  window.caiboxCamera = (read, formats) => {
    const button = document.getElementById("camera-on");
    const camera = document.getElementById("camera");
    const trouble = document.getElementById("camera-trouble");
    let lastCode = "";
    let lastCodeAt = 0;

    const makeDetector = async () => {
      const has = "BarcodeDetector" in window ? await window.BarcodeDetector.getSupportedFormats() : [];
      if (formats.every((format) => has.includes(format))) return new window.BarcodeDetector({ formats });
      await load(button.dataset.reader);
      const { BarcodeDetector, prepareZXingModule } = window.BarcodeDetectionAPI;
      prepareZXingModule({ overrides: { locateFile: () => button.dataset.wasm } });
      return new BarcodeDetector({ formats });
    };

    const look = async (detector) => {
      if (camera.hidden) return;
      if (camera.readyState >= camera.HAVE_CURRENT_DATA && document.visibilityState === "visible") {
        const found = await detector.detect(camera);
        const code = found.length ? found[0].rawValue : "";
        const fresh = code && (code !== lastCode || performance.now() - lastCodeAt > SAME_CODE_MS);
        if (code) {
          lastCode = code;
          lastCodeAt = performance.now();
        }
        if (fresh) await read(code);
      }
      setTimeout(() => look(detector), LOOK_MS);
    };

    const stop = () => {
      if (camera.srcObject) camera.srcObject.getTracks().forEach((track) => track.stop());
      camera.srcObject = null;
      camera.hidden = true;
    };

    const start = async () => {
      if (!camera.hidden) {
        stop();
        return;
      }
      trouble.textContent = "";
      try {
        camera.srcObject = await navigator.mediaDevices.getUserMedia({
          video: { facingMode: "environment", width: { ideal: 1280 } },
        });
        camera.hidden = false;
        await camera.play();
        if (navigator.wakeLock) navigator.wakeLock.request("screen").catch(() => {});
        await look(await makeDetector());
      } catch (error) {
        stop();
        trouble.textContent = error.name === "NotAllowedError" ? trouble.dataset.refused : trouble.dataset.none;
      }
    };

    if (navigator.mediaDevices && navigator.mediaDevices.getUserMedia) {
      button.hidden = false;
      button.addEventListener("click", start);
    }
  };
})();
