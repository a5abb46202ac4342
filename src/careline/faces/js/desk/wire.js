// The wire to the switchboard, and the talks that go over it. The only part of the desk that knows how.
import { Live, Refused, SLOW_MS, post } from "../live.js";
import { MicrophoneCheck } from "../mic.js";
import { DeskTalk, openMicrophone } from "../talk.js";

const EVENTS = "/live/desk/events";
const ACTIONS = "/live/desk/actions";
const DEVICES = "careline.devices";
const PRESS_MS = 180_000; // a press is kept and tried again for so long
const GRACE_MS = 2500; // a line that comes back by itself within this time is not worth a word
const TALKING = new Set(["talking", "held"]);

export class Wire {
  #tell;
  #live = null;
  #talks = new Map(); // contact -> { talk (its number), session }
  #microphone = null;
  #audio = new Audio();
  #awayTimer = 0;
  #muted = false;
  #turn = Promise.resolve(); // presses go one after the other: a hold never overtakes the resume pressed after it

  constructor(tell) {
    this.#tell = tell;
    this.#audio.autoplay = true;
  }

  get devices() {
    return { talk: "", microphone: "", ...JSON.parse(localStorage.getItem(DEVICES) ?? "{}") };
  }

  // --- the line

  open() {
    if (this.#live) return;
    this.#live = new Live(
      EVENTS,
      {
        phone: (phone) => this.#tell.onPhone(phone),
        tick: ({ what }) => this.#tell.onTick(what),
        text: (line) => this.#tell.onText(line),
        notice: (notice) => this.#tell.onNotice(notice),
        unwell: (alert) => this.#tell.onUnwell(alert),
        saving: ({ waits }) => this.#tell.onSaving(waits),
        signal: ({ contact, data }) => this.#hear(contact, data),
        signed_out: () => this.#tell.onSignedOut(),
        reset: () => this.#tell.onTick(["queues", "agents", "contacts", "notices"]),
      },
      (state, detail) => this.#lineIs(state, detail),
    );
  }

  close() {
    this.#live?.close();
    this.#live = null;
    clearTimeout(this.#awayTimer); // who has hung up misses nothing
    this.#awayTimer = 0;
    this.#tell.onAway(false);
    for (const contact of [...this.#talks.keys()]) this.#drop(contact);
    this.#releaseMicrophone();
  }

  reopen() {
    this.#live?.close();
    this.#live = null;
    this.open();
  }

  #lineIs(state, detail) {
    if (state === "open") {
      clearTimeout(this.#awayTimer);
      this.#awayTimer = 0;
      this.#tell.onAway(false);
      this.#tell.onSaving(false); // while nothing is saved the line does not open
    }
    if (state === "waiting" && !this.#awayTimer) this.#awayTimer = setTimeout(() => this.#tell.onAway(true), GRACE_MS);
    if (state === "refused") {
      clearTimeout(this.#awayTimer);
      this.#awayTimer = 0;
      if (detail.status === 401 || detail.code === "not_signed_in") this.#tell.onSignedOut();
      else this.#tell.onRefused(detail);
    }
  }

  /** Does it once, however often the network fails. Throws the refusal, with words for the operator. */
  async act(action, data) {
    const before = this.#turn;
    const press = { action };
    let done;
    this.#turn = new Promise((resolve) => (done = resolve));
    const slow = setTimeout(() => this.#tell.onKept(press, true), SLOW_MS);
    try {
      await before;
      return (await post(ACTIONS, { action, ...data }, { patienceMs: PRESS_MS })) ?? {};
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        this.#tell.onSignedOut();
        return undefined;
      }
      if (error instanceof Refused && error.message) throw error;
      throw new Error(this.#tell.words.away, { cause: error });
    } finally {
      clearTimeout(slow);
      this.#tell.onKept(press, false);
      done();
    }
  }

  // --- the talks

  /** Asks for the microphone while the answer is on its way, so that the first word is heard. */
  prepare({ channel }) {
    if (channel !== "text") this.#openMicrophone(channel === "video").catch(() => {});
  }

  /** One peer connection for each talk the phone shows; those that are over end. */
  talkWith(work) {
    const wanted = work.filter((item) => item.talk !== undefined && TALKING.has(item.phase) && item.channel !== "text");
    for (const [contact, { talk }] of this.#talks)
      if (!wanted.some((item) => item.contact === contact && item.talk === talk)) this.#drop(contact);
    for (const item of wanted) {
      const known = this.#talks.get(item.contact);
      if (known) known.session?.hold(item.phase === "held");
      else this.#begin(item);
    }
    if (!wanted.length) {
      this.#releaseMicrophone();
      if (this.#muted) this.mute(false);
    }
  }

  mute(on) {
    this.#muted = on;
    for (const { session } of this.#talks.values()) if (session) session.muted = on;
    this.#tell.onMuted(on);
  }

  /** Puts the pictures where the screen now has a place for them. */
  showVideo() {
    const { remote, own } = this.#tell.videos();
    const [first] = this.#talks.values();
    if (!remote || !first?.session) return;
    if (remote.srcObject !== first.session.remote) remote.srcObject = first.session.remote;
    if (own && own.srcObject !== first.session.stream) own.srcObject = first.session.stream;
    remote.muted = true; // the voice comes through the chosen device
  }

  /** For journeys and for the support: what flows now. */
  async stats() {
    const [first] = this.#talks.values();
    return (await first?.session?.stats()) ?? null;
  }

  async #begin(item) {
    const known = { talk: item.talk, session: null };
    this.#talks.set(item.contact, known);
    const stream = await this.#openMicrophone(item.channel === "video").catch((error) => {
      this.#tell.onMicrophone(reason(error));
      return null; // listening only is better than not at all
    });
    if (this.#talks.get(item.contact) !== known) return;
    known.session = new DeskTalk(stream, {
      send: (data) => post(ACTIONS, { action: "signal", contact: item.contact, talk: item.talk, data }, { patienceMs: 8000 }),
      onState: (state) => this.#tell.onMedia(state),
      onTrack: (kind, remote) => this.#play(kind, remote),
    });
    known.session.muted = this.#muted;
    if (item.phase === "held") known.session.hold(true);
  }

  #hear(contact, data) {
    this.#talks.get(contact)?.session?.hear(data);
  }

  #drop(contact) {
    this.#talks.get(contact)?.session?.stop({ keepStream: true });
    this.#talks.delete(contact);
    if (!this.#talks.size) this.#audio.srcObject = null;
  }

  async #play(kind, remote) {
    if (kind === "video") this.showVideo();
    this.#audio.srcObject = remote;
    const device = this.devices.talk;
    if (device && this.#audio.setSinkId) await this.#audio.setSinkId(device).catch(() => this.#audio.setSinkId(""));
    await this.#audio.play().catch(() => {}); // allowed from the first key or click on
  }

  // --- the microphone

  #openMicrophone(video) {
    if (this.#microphone && (!video || this.#microphone.video)) return this.#microphone.stream;
    const asked = { deviceId: this.devices.microphone, video };
    const stream = openMicrophone(asked).catch((error) => {
      if (error.name !== "OverconstrainedError" || !asked.deviceId) throw error;
      return openMicrophone({ video }); // the chosen one was unplugged
    });
    this.#releaseMicrophone();
    this.#microphone = { stream, video };
    stream.catch(() => {
      this.#microphone = null;
    });
    return stream;
  }

  #releaseMicrophone() {
    const held = this.#microphone;
    this.#microphone = null;
    held?.stream.then((stream) => stream.getTracks().forEach((track) => track.stop())).catch(() => {});
  }

  async choose({ talk, microphone }) {
    const chosen = this.devices;
    if (talk !== undefined) chosen.talk = talk;
    if (microphone !== undefined) chosen.microphone = microphone;
    localStorage.setItem(DEVICES, JSON.stringify(chosen));
    if (talk !== undefined && this.#audio.setSinkId) await this.#audio.setSinkId(talk).catch(() => {});
    if (microphone !== undefined && this.#microphone) {
      const { video } = this.#microphone;
      this.#microphone = null;
      const stream = await this.#openMicrophone(video);
      for (const { session } of this.#talks.values()) await session?.useStream(stream);
    }
  }

  /** @returns "heard" | "silent" | "refused" | "missing" */
  async checkMicrophone() {
    const busy = this.#talks.size > 0;
    try {
      const stream = await this.#openMicrophone(false);
      return await new Promise((resolve) => {
        const check = new MicrophoneCheck(stream, (_level, heard) => heard && end("heard"));
        const timer = setTimeout(() => end("silent"), 5000);
        const end = (found) => {
          clearTimeout(timer);
          check.stop();
          resolve(found);
        };
      });
    } catch (error) {
      return reason(error);
    } finally {
      if (!busy) this.#releaseMicrophone();
    }
  }
}

const reason = (error) => (error.name === "NotAllowedError" ? "refused" : "missing");
