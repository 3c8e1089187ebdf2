// Whether somebody is still in front of the locker. What they typed and chose goes when they have gone, after a warning.
// It decides by the clock it is given and changes nothing itself.
export const GONE_AFTER_MS = 60_000;
export const WARNED_FOR_MS = 20_000;

export class Session {
  constructor(now) {
    this.now = now;
    this.touched_ms = null;
  }

  // A key, a scan, a choice, or "wait".
  touch() {
    this.touched_ms = this.now();
  }

  end() {
    this.touched_ms = null;
  }

  // `is`: nobody, here, leaving (with whole seconds left) or gone.
  look() {
    if (this.touched_ms === null) return { is: "nobody", left_s: 0 };
    const left_ms = this.touched_ms + GONE_AFTER_MS - this.now();
    if (left_ms <= 0) return { is: "gone", left_s: 0 };
    return { is: left_ms <= WARNED_FOR_MS ? "leaving" : "here", left_s: Math.ceil(left_ms / 1000) };
  }
}
