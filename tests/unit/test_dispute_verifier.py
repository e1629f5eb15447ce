"""The pack's own Ed25519 check, by RFC 8032's vectors and against a library's signatures."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.risk.dispute.verify import ORDER, P, is_signed

# RFC 8032, section 7.1: public key, message, signature (tests 1, 2, 3 and SHA(abc)).
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize("key, message, signature", VECTORS)
def test_the_rfcs_signatures_hold_and_no_changed_one_does(key, message, signature):
    key, message, signature = (bytes.fromhex(text) for text in (key, message, signature))

    assert is_signed(message, signature, key)
    assert not is_signed(message + b"x", signature, key)
    for place in (0, 31, 32, 63):
        spoiled = bytearray(signature)
        spoiled[place] ^= 1
        assert not is_signed(message, bytes(spoiled), key)


@given(st.binary(max_size=80), st.binary(min_size=32, max_size=32), st.integers(0, 511))
@settings(max_examples=25, deadline=None)
def test_a_librarys_signatures_hold_and_break_with_any_bit(message, seed, bit):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    spoiled = bytearray(signature)
    spoiled[bit // 8] ^= 1 << bit % 8

    assert is_signed(message, signature, key)
    assert not is_signed(message, bytes(spoiled), key)


def test_a_signature_whose_scalar_was_raised_by_the_order_is_refused():
    key, message, signature = (bytes.fromhex(text) for text in VECTORS[1])
    raised = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")

    assert not is_signed(message, signature[:32] + raised, key)


@pytest.mark.parametrize("key", [b"", b"x" * 31, P.to_bytes(32, "little"), b"\xff" * 32])
def test_what_is_no_point_on_the_curve_is_no_key(key):
    assert not is_signed(b"", bytes.fromhex(VECTORS[0][2]), key)
