/* The microphone check before a call: see your voice, record three seconds, hear them. Nothing leaves the browser. */

const RECORD_MS = 3000;

/** Reports how loud it is, 0..1, at each frame, until `stop()`. `heard` becomes true once somebody has spoken. */
export class MicrophoneCheck {
  #context;
  #analyser;
  #samples;
  #frame = 0;
  #onLevel;
  heard = false;

  /** @param {MediaStream} stream @param {(level: number, heard: boolean) => void} onLevel */
  constructor(stream, onLevel) {
    this.stream = stream;
    this.#onLevel = onLevel;
    this.#context = new AudioContext();
    this.#analyser = this.#context.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyser);
    this.#context.resume().catch(() => {}); // some browsers wait for a touch
    this.#look();
  }

  #look = () => {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    // -60 dB and below is silence, -10 dB a loud voice.
    const decibel = 10 * Math.log10(sum / this.#samples.length + 1e-9);
    const level = Math.min(1, Math.max(0, (decibel + 60) / 50));
    this.heard ||= level > 0.35;
    this.#onLevel(level, this.heard);
    this.#frame = requestAnimationFrame(this.#look);
  };

  /** Three seconds of what the microphone hears, as an address to play. Release it with URL.revokeObjectURL. */
  record(ms = RECORD_MS) {
    return new Promise((resolve, reject) => {
      const parts = [];
      const recorder = new MediaRecorder(this.stream);
      recorder.ondataavailable = ({ data }) => parts.push(data);
      recorder.onerror = ({ error }) => reject(error);
      recorder.onstop = () => resolve(URL.createObjectURL(new Blob(parts, { type: recorder.mimeType })));
      recorder.start();
      setTimeout(() => recorder.state === "recording" && recorder.stop(), ms);
    });
  }

  /** The stream itself stays open: the call uses it. */
  stop() {
    cancelAnimationFrame(this.#frame);
    this.#context.close();
  }
}
