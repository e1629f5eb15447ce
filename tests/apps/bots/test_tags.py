"""Tags are whole words; a comment is what the broker left of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bots.tags import COMMENT_LENGTH, read_comment, read_tags, show_tags
from apps.common.errors import Invalid

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
# An x at the front: none of the words that are a stage or a status.
FREE = st.text(LETTERS + "_-", max_size=30).map(lambda rest: f"@x{rest}")


@given(st.lists(FREE, max_size=20))
def test_free_tags_stay_as_they_are_each_once(tags):
    assert list(read_tags(tags).free) == list(dict.fromkeys(tags))


@pytest.mark.parametrize("tag", ["scalping", "@", "@ scalping", "@-x", "@a" * 20, "@" + "a" * 33, "@ä", "@a b", ""])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(Invalid) as refused:
        read_tags([tag])
    assert (refused.value.code, refused.value.field) == ("FIELD_INVALID", "tags")


@pytest.mark.parametrize("tag", ["@quarantine", "@dead"])
def test_a_status_is_no_tag_and_the_refusal_says_what_would_be_right(tag):
    with pytest.raises(Invalid, match="is a status"):
        read_tags([tag])


def test_a_bot_is_at_one_stage():
    assert read_tags(["@scalping", "@PERFECT"]).stage == "PERFECT"
    with pytest.raises(Invalid, match="@perfect and @live"):
        read_tags(["@perfect", "@live"])


def test_the_spec_writes_the_stage_first():
    said = read_tags(["@scalping", "@perfect", "@london-session"])
    assert show_tags(said.stage, said.free) == ["@perfect", "@scalping", "@london-session"]


def test_the_specs_comment_is_read():
    said = read_comment("@analyst-bot-007 @scalping TP:1.5% SL:0.8%")
    assert (said.bot_id, said.tags, said.take_profit_pct, said.stop_loss_pct, said.is_cut) == (
        "analyst-bot-007", ("@scalping",), Decimal("1.5"), Decimal("0.8"), False,
    )  # fmt: skip


@given(st.integers(min_value=1, max_value=COMMENT_LENGTH))
def test_what_a_broker_cuts_off_never_becomes_another_tag_or_another_distance(length):
    whole = "@analyst-bot-007 @scalping TP:1.5% SL:0.8%"
    said = read_comment(whole[:COMMENT_LENGTH][:length])
    if length == COMMENT_LENGTH:
        assert said.tags == ("@scalping",)
        assert said.is_cut
    assert said.take_profit_pct in (None, Decimal("1.5"))
    assert said.stop_loss_pct is None


@pytest.mark.parametrize(
    "comment", ["", "sl", "[tp 1.10200]", "m0123456789abcdefghjkmnpqrs", "to #123", "@", "hello @x"]
)
def test_a_comment_that_is_not_of_this_kind_says_nothing(comment):
    assert read_comment(comment).bot_id == ""
    assert read_comment(comment).tags == ()


@given(st.text(max_size=64))
def test_any_comment_can_be_read(text):
    assert len(read_comment(text).tags) <= len(text)
