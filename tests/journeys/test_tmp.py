from tests.journeys.conftest import *
def test_look(people):
    page=people.staff("hospital.operator"); page.wait_for_timeout(4000); page.screenshot(path="/tmp/shots/d1.png"); print(page.url)
    print(page.content()[:3000])
