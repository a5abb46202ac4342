from tests.journeys.acting import *
def test_dbg(town, people):
    p = people.patient()
    p.on("response", lambda r: print("RESP", r.url, r.status) if "/live/" in r.url else None)
    call(p, "Рецепт")
    p.wait_for_timeout(3000)
    print("VIS", p.locator(".state:visible").inner_text()[:400])
