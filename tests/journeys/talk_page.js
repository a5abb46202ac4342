/* The smallest page that calls, or answers: live.js and talk.js as the patient's page and the desk use them. */
import { Live, post } from "/js/live.js";
import { DeskTalk, PageTalk, openMicrophone, playOn } from "/js/talk.js";

const page = (window.page = { states: [], phone: null, resets: 0, talk: null, talks: 0, live: "", stats: () => page.talk?.stats() });
const onTrack = (kind, stream) => kind === "audio" && playOn(document.getElementById("heard"), stream);

async function patient(line) {
  page.contact = (await post("/live/call", { line, language: "uk", channel: "voice" })).contact;
  const act = (action, more) => post("/live/call/actions", { action, ...more });
  page.talk = new PageTalk(await openMicrophone(), { send: (data) => act("signal", { data }), onTrack });
  page.act = act;
  new Live(
    "/live/call/events",
    {
      state: (state) => page.states.push(state),
      signal: ({ data }) => page.talk.hear(data),
      reset: () => (page.resets += 1),
    },
    (state) => (page.live = state),
  );
}

async function desk() {
  const act = (action, more) => post("/live/desk/actions", { action, ...more });
  const answered = new Set();
  let key = "";
  const stream = await openMicrophone();
  page.act = act;
  new Live(
    "/live/desk/events",
    {
      phone(phone) {
        page.phone = phone;
        for (const work of phone.work) {
          if (work.phase === "offered" && !answered.has(work.offer)) {
            answered.add(work.offer);
            act("answer", { contact: work.contact, offer: work.offer });
          }
        }
        const talking = phone.work.find((work) => ["talking", "held"].includes(work.phase));
        const wanted = talking ? `${talking.contact} ${talking.talk}` : "";
        if (wanted === key) return;
        key = wanted;
        page.talk?.stop({ keepStream: true });
        page.talk = null;
        if (!talking) return;
        page.talks += 1;
        const { contact, talk } = talking;
        page.talk = new DeskTalk(stream, { send: (data) => act("signal", { contact, talk, data }), onTrack });
      },
      signal: ({ data }) => page.talk?.hear(data),
      reset: () => (page.resets += 1),
    },
    (state) => (page.live = state),
  );
  await act("ready");
}

window.patient = patient;
window.desk = desk;
