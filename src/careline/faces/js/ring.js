/* A telephone's ring, made in the browser: no file to fetch, and it can be sent to a chosen loudspeaker. */

const ON_MS = 1000;
const EVERY_MS = 3000;

export class Ringer {
  #context = null;
  #timer = 0;
  #title = document.title;

  /** Browsers let sound start only from a touch or key: call this from one, some time before the ring. */
  allow() {
    this.#context ??= new AudioContext();
    this.#context.resume().catch(() => {});
  }

  /** Rings until `stop()`; `title` stands in the tab meanwhile. `deviceId` chooses the loudspeaker where that is possible. */
  start(title = "", deviceId = "") {
    if (this.#timer) return;
    this.allow();
    if (deviceId && this.#context.setSinkId) this.#context.setSinkId(deviceId).catch(() => {});
    this.#title = document.title;
    if (title) document.title = title;
    this.#burst();
    this.#timer = setInterval(() => this.#burst(), EVERY_MS);
  }

  stop() {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = 0;
    document.title = this.#title;
  }

  /** Two tones together, as telephone exchanges ring: 440 and 480 Hz. */
  #burst() {
    const from = this.#context.currentTime;
    const until = from + ON_MS / 1000;
    const volume = this.#context.createGain();
    volume.gain.setValueAtTime(0, from);
    volume.gain.linearRampToValueAtTime(0.12, from + 0.03);
    volume.gain.setValueAtTime(0.12, until - 0.05);
    volume.gain.linearRampToValueAtTime(0, until);
    volume.connect(this.#context.destination);
    for (const hertz of [440, 480]) {
      const tone = this.#context.createOscillator();
      tone.frequency.value = hertz;
      tone.connect(volume);
      tone.start(from);
      tone.stop(until);
    }
  }
}
