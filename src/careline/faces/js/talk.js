/* One talk, browser to browser (docs/reference/live.md, "Media").
 *
 * The desk says hello with a new session; the page answers with a fresh peer connection and an offer; whatever belongs
 * to another session is dropped. So the first connection, a reload, a transfer, a call-back and a network that broke
 * are one and the same case. Nothing here needs the server once the voice flows.
 */

import { newKey } from "./live.js";

const HELLO_AGAIN_MS = 3000; // the page may be reloading: say it again until it answers
const GIVE_UP_MS = 12_000; // answered, but never connected
const BROKEN_MS = 4000; // "disconnected" often heals by itself

/** @typedef {{
 *   send: (data: object) => Promise<unknown>,   what goes to the other side, through the live process
 *   onState?: (state: "connecting" | "connected" | "reconnecting" | "stopped") => void,
 *   onTrack?: (kind: "audio" | "video", stream: MediaStream) => void }} TalkOptions */

class Talk {
  #options;
  #waitingCandidates = [];
  #brokenTimer = 0;
  #held = false;
  #muted = false;
  pc = null;
  session = "";
  state = "connecting";
  stream = null;
  remote = new MediaStream();
  stopped = false;

  /** @param {MediaStream | null} stream  the microphone (and camera); null to listen only
   *  @param {TalkOptions} options */
  constructor(stream, options) {
    this.stream = stream;
    this.#options = options;
  }

  // --- what the person does

  get muted() {
    return this.#muted;
  }

  set muted(on) {
    this.#muted = on;
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = !on;
  }

  get held() {
    return this.#held;
  }

  /** On hold neither side sends; both ends are told by their own state events, so both call this. */
  async hold(on) {
    if (this.#held === on) return;
    this.#held = on;
    for (const track of this.remote.getTracks()) track.enabled = !on;
    await this.#sendTracks();
  }

  /** Another microphone (or camera), without a gap for the other side. */
  async useStream(stream) {
    const old = this.stream;
    this.stream = stream;
    this.muted = this.#muted;
    await this.#sendTracks();
    for (const track of old?.getTracks() ?? []) if (!stream.getTracks().includes(track)) track.stop();
  }

  async #sendTracks() {
    for (const sender of this.pc?.getSenders() ?? []) {
      const kind = sender.careKind ?? sender.track?.kind;
      sender.careKind = kind;
      const track = this.#held ? null : (this.stream?.getTracks().find((each) => each.kind === kind) ?? null);
      await sender.replaceTrack(track);
    }
  }

  /** How it goes: packets and bytes both ways, audio levels 0..1, energy heard, round trip in ms, share lost. */
  async stats() {
    const sum = {
      state: this.state,
      packetsSent: 0,
      packetsReceived: 0,
      packetsLost: 0,
      audioLevelIn: 0,
      audioLevelOut: 0,
      energyIn: 0,
      rttMs: null,
      videoFrames: 0,
    };
    for (const row of (await this.pc?.getStats())?.values() ?? []) {
      if (row.type === "outbound-rtp" && row.kind === "audio") sum.packetsSent += row.packetsSent ?? 0;
      if (row.type === "inbound-rtp" && row.kind === "audio") {
        sum.packetsReceived += row.packetsReceived ?? 0;
        sum.packetsLost += row.packetsLost ?? 0;
        sum.audioLevelIn = Math.max(sum.audioLevelIn, row.audioLevel ?? 0);
        sum.energyIn += row.totalAudioEnergy ?? 0;
      }
      if (row.type === "inbound-rtp" && row.kind === "video") sum.videoFrames += row.framesDecoded ?? 0;
      if (row.type === "media-source" && row.kind === "audio") sum.audioLevelOut = row.audioLevel ?? 0;
      if (row.type === "candidate-pair" && row.nominated && row.currentRoundTripTime != null)
        sum.rttMs = Math.round(row.currentRoundTripTime * 1000);
    }
    return sum;
  }

  /** The talk is over. The microphone is released unless `keepStream` (another talk follows). */
  stop({ keepStream = false } = {}) {
    if (this.stopped) return;
    this.stopped = true;
    this.closePeer();
    if (!keepStream) for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.say("stopped");
  }

  // --- for both sides

  say(state) {
    if (this.state === state) return;
    this.state = state;
    this.#options.onState?.(state);
  }

  send(data) {
    return this.#options.send({ ...data, session: this.session });
  }

  /** `ice`: the site's relay, as the live process adds it to a hello or an offer. */
  freshPeer(session, ice = {}) {
    this.closePeer();
    this.session = session;
    this.remote = new MediaStream();
    const pc = (this.pc = new RTCPeerConnection({
      iceServers: ice.iceServers ?? [],
      iceTransportPolicy: ice.iceTransportPolicy ?? "all",
    }));
    pc.onicecandidate = ({ candidate }) => {
      if (candidate && this.pc === pc) this.send({ kind: "candidate", candidate: candidate.toJSON() }).catch(() => {});
    };
    pc.ontrack = ({ track }) => {
      track.enabled = !this.#held;
      this.remote.addTrack(track);
      this.#options.onTrack?.(track.kind, this.remote);
    };
    pc.onconnectionstatechange = () => this.pc === pc && this.#connectionChanged(pc.connectionState);
    return pc;
  }

  #connectionChanged(state) {
    clearTimeout(this.#brokenTimer);
    if (state === "connected") this.say("connected");
    if (state === "disconnected") {
      this.say("reconnecting");
      this.#brokenTimer = setTimeout(() => this.broken(), BROKEN_MS);
    }
    if (state === "failed") {
      this.say("reconnecting");
      this.broken();
    }
  }

  closePeer() {
    clearTimeout(this.#brokenTimer);
    this.#waitingCandidates = [];
    const pc = this.pc;
    this.pc = null;
    if (!pc) return;
    pc.onicecandidate = pc.ontrack = pc.onconnectionstatechange = null;
    pc.close();
  }

  async addTracks(pc, kinds) {
    for (const kind of kinds) {
      const track = this.stream?.getTracks().find((each) => each.kind === kind);
      const sending = this.#held ? null : track;
      const free = pc.getTransceivers().find((each) => each.receiver.track.kind === kind && !each.sender.track);
      if (free) {
        free.direction = track ? "sendrecv" : "recvonly";
        free.sender.careKind = kind;
        if (sending) await free.sender.replaceTrack(sending);
      } else {
        const made = pc.addTransceiver(sending ?? kind, { direction: track ? "sendrecv" : "recvonly" });
        made.sender.careKind = kind;
      }
    }
  }

  async takeDescription(pc, type, sdp) {
    await pc.setRemoteDescription({ type, sdp });
    const early = this.#waitingCandidates;
    this.#waitingCandidates = [];
    for (const candidate of early) await pc.addIceCandidate(candidate);
  }

  async takeCandidate(candidate) {
    if (!this.pc) return;
    if (this.pc.remoteDescription) await this.pc.addIceCandidate(candidate);
    else this.#waitingCandidates.push(candidate);
  }
}

/** The operator's side. Make one for each talk the phone shows; it says hello by itself. */
export class DeskTalk extends Talk {
  #next = 0;
  #giveUpMs = GIVE_UP_MS;

  /** @param {MediaStream | null} stream @param {TalkOptions} options */
  constructor(stream, options) {
    super(stream, options);
    this.hello();
  }

  /** A new session: at the start, and whenever the old one is broken. */
  hello() {
    if (this.stopped) return;
    this.closePeer();
    this.session = newKey();
    this.#sayHello();
  }

  #sayHello() {
    clearTimeout(this.#next);
    this.send({ kind: "hello" }).catch(() => {});
    this.#next = setTimeout(() => this.#sayHello(), HELLO_AGAIN_MS);
  }

  broken() {
    this.hello();
  }

  /** What came from the patient's page. */
  async hear(data) {
    if (this.stopped) return;
    if (data.kind === "lost") return this.hello();
    if (data.session !== this.session) return;
    if (data.kind === "candidate") return this.takeCandidate(data.candidate);
    if (data.kind !== "offer" || this.pc) return;
    clearTimeout(this.#next);
    const pc = this.freshPeer(data.session, data.ice);
    await this.takeDescription(pc, "offer", data.sdp);
    await this.addTracks(pc, data.video ? ["audio", "video"] : ["audio"]);
    await pc.setLocalDescription(await pc.createAnswer());
    if (this.pc === pc) await this.send({ kind: "answer", sdp: pc.localDescription.sdp });
    this.#next = setTimeout(() => this.state !== "connected" && this.hello(), this.#giveUpMs);
    this.#giveUpMs *= 2; // a machine that is slow today is not helped by doing it all again
  }

  stop(how) {
    clearTimeout(this.#next);
    super.stop(how);
  }
}

/** The patient's side. One for the whole contact: every hello is answered with a fresh connection. */
export class PageTalk extends Talk {
  #video;

  /** @param {MediaStream | null} stream @param {TalkOptions & { video?: boolean }} options */
  constructor(stream, options) {
    super(stream, options);
    this.#video = Boolean(options.video);
  }

  broken() {
    if (!this.stopped && this.session) this.send({ kind: "lost" }).catch(() => {});
  }

  /** What came from the desk. */
  async hear(data) {
    if (this.stopped) return;
    if (data.kind === "hello") return this.#offer(data.session, data.ice);
    if (data.session !== this.session) return;
    if (data.kind === "candidate") return this.takeCandidate(data.candidate);
    if (data.kind === "answer" && this.pc?.signalingState === "have-local-offer")
      return this.takeDescription(this.pc, "answer", data.sdp);
  }

  async #offer(session, ice) {
    if (session === this.session && this.pc) {
      // The hello was repeated: our offer may not have arrived.
      const sdp = this.pc.signalingState === "have-local-offer" && this.pc.localDescription?.sdp;
      if (sdp) await this.send({ kind: "offer", sdp, video: this.#video });
      return;
    }
    this.say(this.state === "connected" ? "reconnecting" : this.state);
    const pc = this.freshPeer(session, ice);
    await this.addTracks(pc, this.#video ? ["audio", "video"] : ["audio"]);
    await pc.setLocalDescription(await pc.createOffer());
    if (this.pc === pc) await this.send({ kind: "offer", sdp: pc.localDescription.sdp, video: this.#video });
  }

  /** The talk with one operator is over, the contact may go on (a transfer): stay ready for the next hello. */
  pauseTalk() {
    this.closePeer();
    this.session = "";
    this.say("connecting");
  }
}

/** The microphone (and camera). Throws what getUserMedia throws: NotAllowedError, NotFoundError, NotReadableError. */
export function openMicrophone({ deviceId = "", video = false } = {}) {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  if (deviceId) audio.deviceId = { exact: deviceId };
  return navigator.mediaDevices.getUserMedia({ audio, video: video ? { width: 640, height: 480 } : false });
}

/** Devices by kind, named once the microphone was allowed: [{ kind, deviceId, label }]. */
export async function devices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.map(({ kind, deviceId, label }) => ({ kind, deviceId, label }));
}

/** Play a stream through a chosen loudspeaker, where the browser lets one choose. */
export async function playOn(element, stream, deviceId = "") {
  element.srcObject = stream;
  if (deviceId && element.setSinkId) await element.setSinkId(deviceId);
  await element.play();
}
