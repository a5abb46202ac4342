// What the agent's phone says, put into what the desk shows. Pure: values in, values out.

const TALKING = new Set(["talking", "held", "dialling"]);

/**
 * @param phone the `phone` event of docs/reference/live.md, or null before the first one
 * @param chosen the contact the operator looks at where several are open
 * @returns {{state, reason, since, offer, current, others, work}}
 *   state: offline | paused | ready | ring | dial | talk | hold | wrap
 *   offer: the item being offered; current: the item on the stage; others: open items beside it
 */
export function derive(phone, chosen) {
  const work = phone?.work ?? [];
  const offer = work.find((item) => item.phase === "offered") ?? null;
  const open = work.filter((item) => item.phase !== "offered");
  const current =
    open.find((item) => item.contact === chosen) ??
    open.find((item) => TALKING.has(item.phase) && item.channel !== "text") ??
    open.find((item) => TALKING.has(item.phase)) ??
    open[0] ??
    null;
  const others = open.filter((item) => item !== current);
  if (current) return { state: stateOf(current), reason: "", since: current.since, offer, current, others, work };
  if (offer) return { state: "ring", reason: "", since: offer.since, offer, current, others, work };
  const state = phone?.presence ?? "offline";
  return { state, reason: phone?.reason ?? "", since: phone?.since ?? 0, offer, current, others, work };
}

function stateOf(item) {
  if (item.phase === "held" || item.held) return "hold";
  return { talking: "talk", dialling: "dial", wrap_up: "wrap" }[item.phase] ?? "talk";
}

/** Which part stands on the stage: its name, and what it is about. */
export function stageOf(view, opened) {
  if (view.current) return { part: "contact", contact: view.current.contact };
  if (view.offer) return { part: "offer", contact: view.offer.contact };
  if (opened) return { part: "contact", contact: opened };
  return { part: "idle", contact: "" };
}
