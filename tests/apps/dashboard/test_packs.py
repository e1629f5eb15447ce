"""The firm's rules of an account on its pages: which, how old, what changes, what nobody enforces."""

from __future__ import annotations

from apps.accounts.selectors import get_limits_in_force
from apps.common.clock import read_at
from tests.packs import make_pack
from tests.world import PASSWORD

PAGE = "/risk/ftmo-100k/pack"
CHALLENGE = f"{PAGE}?program=acme-two-step%7Cchallenge"


def read(response):
    return response.content.decode()


def in_force(desk):
    return get_limits_in_force(desk.prop, read_at().date())


def test_an_owner_chooses_sees_the_difference_and_confirms(desk, alice):
    make_pack()
    assert "None: only the limits above hold." in read(alice.get("/risk/ftmo-100k"))
    assert "Acme, Two steps: funded" in read(alice.get(PAGE))

    page = read(alice.get(CHALLENGE))
    assert "<td>2.50 %</td><td>2.00 %</td>" in page
    assert "The trading day turns at 00:00 Europe/Prague" in page
    assert "Not enforced here: At least 4 trading days." in page
    assert in_force(desk).pack_version is None

    refused = alice.post(CHALLENGE, {"number": "1", "version": "1"})
    assert (refused.status_code, "give your password again" in read(refused)) == (422, True)
    wrong = alice.post(CHALLENGE, {"number": "1", "version": "1", "password": "guess"})
    assert (wrong.status_code, "not your password" in read(wrong)) == (422, True)
    done = alice.post(CHALLENGE, {"number": "1", "version": "1", "password": PASSWORD}, follow=True)

    page = read(done)
    assert done.redirect_chain[-1][0] == "/risk/ftmo-100k"
    for part in ("Acme, Two steps", "2026-03-01", "https://acme.example/rules", "keep these yourself"):
        assert part in page, part
    assert in_force(desk).pack_phase == "challenge"


def test_a_newer_version_is_told_and_not_taken(desk, alice):
    make_pack()
    alice.post(CHALLENGE, {"number": "1", "version": "1", "password": PASSWORD})
    make_pack(max_loss={"mode": "static", "pct": 4})

    page = read(alice.get("/risk/ftmo-100k"))
    assert "A newer version exists." in page
    assert "Show what version 2 changes" in page
    assert "What the new version says differently" in read(alice.get(CHALLENGE))
    stale = alice.post(CHALLENGE, {"number": "2", "version": "1"})
    assert (stale.status_code, "A newer version was written since you looked" in read(stale)) == (422, True)
    assert in_force(desk).pack_version.number == 1
    alice.post(CHALLENGE, {"number": "2", "version": "2"})  # stricter: no password
    assert in_force(desk).pack_version.number == 2


def test_leaving_takes_the_password_and_gives_the_own_limits_back(desk, alice):
    make_pack()
    own = in_force(desk).document
    alice.post(CHALLENGE, {"number": "1", "version": "1", "password": PASSWORD})

    assert alice.post(f"{PAGE}/leave", {"number": "2", "password": "guess"}).status_code == 422
    assert alice.post(f"{PAGE}/leave", {"number": "2", "password": PASSWORD}).status_code == 302
    assert in_force(desk).document == own


def test_a_trader_looks_and_does_not_confirm(desk, tom):
    make_pack()

    assert tom.get(CHALLENGE).status_code == 200
    assert tom.post(CHALLENGE, {"number": "1", "version": "1", "password": PASSWORD}).status_code == 403
    assert tom.post(f"{PAGE}/leave", {"number": "1", "password": PASSWORD}).status_code == 403


def test_nonsense_and_packs_that_leave_figures_open_are_refused_in_words(desk, alice):
    make_pack(max_loss={"mode": "static"})

    open_figures = read(alice.get(CHALLENGE))
    assert "leaves open max_loss.pct" in open_figures
    assert "Put under these rules" not in open_figures
    assert alice.get(f"{PAGE}?program=nothing").status_code == 422
    assert alice.post(PAGE, {"number": "1", "version": "1"}).status_code == 200
    assert alice.post(CHALLENGE, {"number": "x"}).status_code == 422


def test_a_source_that_is_no_address_is_never_a_link(desk, alice):
    make_pack(sources=[{"url": "javascript:alert(1)", "seen": ""}])
    alice.post(CHALLENGE, {"number": "1", "version": "1", "password": PASSWORD})

    assert 'href="javascript' not in read(alice.get("/risk/ftmo-100k"))
