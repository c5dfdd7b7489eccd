#!/usr/bin/env python3
"""An independent verifier of Farthing payments, written from docs/spec.md alone.

It shares no code with the project and needs nothing but Python's standard library, so that the specification is
shown to be sufficient and the implementation to follow it. It is slow, and not constant-time: it holds no secrets
but those of the examples.

    python3 docs/independent/verify.py VECTORS.json…

reads keysets and payments, checks ids, signatures and authorizations, and requires that what was tampered with is
refused for the stated reason. It reads docs/independent/vectors.json, and payments.json, payout.json, quote.json, voucher.json,
archive.json and what of the archive is refused in protocol/vectors. The numbers in comments are sections of docs/spec.md.
"""

import base64
import hashlib
import json
import sys

# ---- 2: field, ristretto255, scalars ---------------------------------------------------------------------------

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, FIELD) % FIELD
SQRT_M1 = pow(2, (FIELD - 1) // 4, FIELD)


class Refused(Exception):
    """Something is not what it should be; the text is the reason."""


class Malformed(Refused):
    """Bytes are not the object they should be."""


def is_negative(x):
    return x % FIELD & 1


def absolute(x):
    x %= FIELD
    return FIELD - x if x & 1 else x


def sqrt_ratio(u, v):
    """RFC 9496, 4.2: (whether u/v is a square, its root or that of SQRT_M1·u/v, not negative)."""
    r = u * pow(v, 3, FIELD) * pow(u * pow(v, 7, FIELD), (FIELD - 5) // 8, FIELD) % FIELD
    check = v * r * r % FIELD
    u %= FIELD
    square = check == u or check == FIELD - u if u else True
    if check in ((FIELD - u) % FIELD, (FIELD - u) * SQRT_M1 % FIELD):
        r = r * SQRT_M1 % FIELD
    return square, absolute(r)


# A point is (X, Y, Z, T) in extended coordinates on −x² + y² = 1 + d·x²y².
IDENTITY = (0, 1, 1, 0)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % FIELD
    b = (p[1] + p[0]) * (q[1] + q[0]) % FIELD
    c = 2 * D * p[3] * q[3] % FIELD
    d = 2 * p[2] * q[2] % FIELD
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD)


def negate(p):
    return (-p[0] % FIELD, p[1], p[2], -p[3] % FIELD)


def multiply(scalar, p):
    result = IDENTITY
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, p)
    return result


def combine(*terms):
    result = IDENTITY
    for scalar, point in terms:
        result = add(result, multiply(scalar % ORDER, point))
    return result


def ristretto_equal(p, q):
    return (p[0] * q[1] - p[1] * q[0]) % FIELD == 0 or (p[1] * q[1] - p[0] * q[0]) % FIELD == 0


def ristretto_decode(data):
    s = int.from_bytes(data, "little")
    if s == 0:
        raise Malformed("a point is the identity")
    if s >= FIELD or s & 1:
        raise Malformed("a point is not canonical")
    ss = s * s % FIELD
    u1, u2 = 1 - ss, 1 + ss
    v = (-D * u1 * u1 - u2 * u2) % FIELD
    square, root = sqrt_ratio(1, v * u2 * u2 % FIELD)
    den_x, den_y = root * u2 % FIELD, root * root * u2 * v % FIELD
    x = absolute(2 * s * den_x)
    y = u1 * den_y % FIELD
    t = x * y % FIELD
    if not square or t & 1 or y == 0:
        raise Malformed("a point is not canonical")
    return (x, y, 1, t)


INVSQRT_A_MINUS_D = sqrt_ratio(1, (-1 - D) % FIELD)[1]


def ristretto_encode(p):
    x0, y0, z0, t0 = p
    u1, u2 = (z0 + y0) * (z0 - y0) % FIELD, x0 * y0 % FIELD
    _, root = sqrt_ratio(1, u1 * u2 * u2 % FIELD)
    den1, den2 = root * u1 % FIELD, root * u2 % FIELD
    z_inv = den1 * den2 * t0 % FIELD
    if is_negative(t0 * z_inv):
        x, y, den_inv = y0 * SQRT_M1, x0 * SQRT_M1, den1 * INVSQRT_A_MINUS_D
    else:
        x, y, den_inv = x0, y0, den2
    if is_negative(x * z_inv):
        y = -y
    return absolute(den_inv * (z0 - y)).to_bytes(32, "little")


def ristretto_map(data):
    """RFC 9496, 4.3.4, one half."""
    t = int.from_bytes(data, "little") % 2**255 % FIELD
    r = SQRT_M1 * t * t % FIELD
    u = (r + 1) * (1 - D * D) % FIELD
    v = (-1 - r * D) * (r + D) % FIELD
    square, s = sqrt_ratio(u, v)
    c = FIELD - 1 if square else r
    if not square:
        s = (FIELD - absolute(s * t)) % FIELD
    n = (c * (r - 1) * (D - 1) ** 2 - v) % FIELD
    w0, w1 = 2 * s * v, n * SQRT_AD_MINUS_ONE
    w2, w3 = 1 - s * s, 1 + s * s
    return tuple(w % FIELD for w in (w0 * w3, w2 * w1, w1 * w3, w0 * w2))


# RFC 9496 gives this root of −d − 1 as a constant; it is the odd one.
SQRT_AD_MINUS_ONE = FIELD - sqrt_ratio((-D - 1) % FIELD, 1)[1]

G = ristretto_decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))
_SEED = hashlib.sha512(b"farthing/v1/H").digest()
H = add(ristretto_map(_SEED[:32]), ristretto_map(_SEED[32:]))


def reduce(wide):
    return int.from_bytes(wide, "little") % ORDER


def reduce_nonzero(wide):
    return reduce(wide) or 1


# ---- 3: Keccak, STROBE, Merlin ---------------------------------------------------------------------------------

ROTATIONS = [[0, 36, 3, 41, 18], [1, 44, 10, 45, 2], [62, 6, 43, 15, 61], [28, 55, 25, 21, 56], [27, 20, 39, 8, 14]]


def round_constants():
    constants, lfsr = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if lfsr & 1:
                constant |= 1 << (2**j - 1)
            lfsr = lfsr << 1 ^ (0x171 if lfsr & 0x80 else 0)
        constants.append(constant)
    return constants


ROUND_CONSTANTS = round_constants()
MASK = 2**64 - 1


def rotate(value, by):
    return (value << by | value >> (64 - by)) & MASK


def keccak_f(state):
    a = [[int.from_bytes(state[8 * (x + 5 * y) :][:8], "little") for y in range(5)] for x in range(5)]
    for constant in ROUND_CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[(x - 1) % 5] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y] ^ d[x], ROTATIONS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y] & MASK) for y in range(5)] for x in range(5)]
        a[0][0] ^= constant
    return bytearray(b"".join(a[x][y].to_bytes(8, "little") for y in range(5) for x in range(5)))


class Transcript:
    R = 166

    def __init__(self, domain):
        self.state = keccak_f(bytes([1, 0xA8, 1, 0, 1, 0x60]) + b"STROBEv1.0.2" + bytes(182))
        self.pos = self.begin = 0
        self.begin_op(0x12)
        self.absorb(b"Merlin v1.0")
        self.append(b"dom-sep", b"farthing/v1/" + domain)

    def run_f(self):
        self.state[self.pos] ^= self.begin
        self.state[self.pos + 1] ^= 0x04
        self.state[self.R + 1] ^= 0x80
        self.state = keccak_f(self.state)
        self.pos = self.begin = 0

    def absorb(self, data):
        for byte in data:
            self.state[self.pos] ^= byte
            self.pos += 1
            if self.pos == self.R:
                self.run_f()

    def squeeze(self, count):
        out = bytearray()
        for _ in range(count):
            out.append(self.state[self.pos])
            self.state[self.pos] = 0
            self.pos += 1
            if self.pos == self.R:
                self.run_f()
        return bytes(out)

    def begin_op(self, flags):
        old, self.begin = self.begin, self.pos + 1
        self.absorb(bytes([old, flags]))
        if flags & 0x24 and self.pos:
            self.run_f()

    def append(self, name, message):
        self.begin_op(0x12)
        self.absorb(name + len(message).to_bytes(4, "little"))
        self.begin_op(0x02)
        self.absorb(message)

    def draw(self, name, count):
        self.begin_op(0x12)
        self.absorb(name + count.to_bytes(4, "little"))
        self.begin_op(0x07)
        return self.squeeze(count)


def draw(domain, messages, count=32, name=b"output"):
    transcript = Transcript(domain)
    for key, value in messages:
        transcript.append(key, u64(value) if isinstance(value, int) else value)
    return transcript.draw(name, count)


def u64(number):
    return number.to_bytes(8, "little")


# ---- 4: reading ------------------------------------------------------------------------------------------------


class Reader:
    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, count):
        if self.place + count > len(self.data):
            raise Malformed("the data ends too early")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, size, most=None):
        number = int.from_bytes(self.take(size), "little")
        if most is not None and number > most:
            raise Malformed("a number is out of range")
        return number

    def text(self, most):
        try:
            text = self.take(self.number(2, most)).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
        if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
            raise Malformed("a text has control characters")
        return text

    def optional(self, size):
        return self.take(size) if self.number(1, 1) else None

    def amount(self):
        return self.number(8, 2**63 - 1)

    def denomination(self):
        return self.number(1, 62)

    def unit(self):
        code = self.text(16)
        if not code or not all(c.isascii() and (c.isalnum() or c in "-_") for c in code):
            raise Malformed("a unit's code is not one")
        return code, self.number(1, 12)

    def point(self):
        data = self.take(32)
        return data, ristretto_decode(data)

    def scalar(self, zero_allowed=True):
        scalar = self.number(32)
        if scalar >= ORDER or not (scalar or zero_allowed):
            raise Malformed("a scalar is not canonical, or zero")
        return scalar

    def version(self):
        if self.number(1) != 1:
            raise Malformed("the version is not supported")

    def finish(self):
        if self.place != len(self.data):
            raise Malformed("there are bytes after the end")


# ---- 6: Ed25519, strictly --------------------------------------------------------------------------------------


def ed25519_decode(data):
    number = int.from_bytes(data, "little")
    y, sign = number % 2**255 % FIELD, number >> 255
    square, x = sqrt_ratio((y * y - 1) % FIELD, (D * y * y + 1) % FIELD)
    if not square:
        raise Refused("an Ed25519 point does not decode")
    x = FIELD - x if sign and x else x
    return (x, y, 1, x * y % FIELD)


def ed25519_encode(p):
    z = pow(p[2], -1, FIELD)
    x, y = p[0] * z % FIELD, p[1] * z % FIELD
    return (y | (x & 1) << 255).to_bytes(32, "little")


ED25519_BASE = ed25519_decode((4 * pow(5, -1, FIELD) % FIELD).to_bytes(32, "little"))


def ed25519_verify(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        raise Refused("an Ed25519 signature is not canonical")
    a, r = ed25519_decode(key), ed25519_decode(signature[:32])
    for point in (a, r):
        eight = multiply(8, point)
        if eight[0] == 0 and eight[1] == eight[2]:
            raise Refused("an Ed25519 point is of small order")
    h = reduce(hashlib.sha512(signature[:32] + key + message).digest())
    if ed25519_encode(add(multiply(s, ED25519_BASE), negate(multiply(h, a)))) != signature[:32]:
        raise Refused("an Ed25519 signature does not fit")


# ---- 7: keysets ------------------------------------------------------------------------------------------------


class Keyset:
    def __init__(self, data):
        read = Reader(data)
        read.version()
        self.mint = read.take(32)
        self.sequence = read.number(8)
        predecessor = read.optional(32)
        self.unit = read.unit()
        self.payee = read.optional(32)
        times = [read.number(8) for _ in range(4)]
        read.number(4, 10**6), read.number(4, 10**6)
        for _ in range(read.number(2, 16)):
            read_bundle(read)
        if not times[0] < times[1] <= times[2] < times[3] or (self.sequence == 0) != (predecessor is None):
            raise Malformed("the keyset's terms contradict each other")
        keys = [read.point() for _ in range(read.number(1, 63))]
        encodings = [data for data, _ in keys]
        forbidden = [ristretto_encode(p) for p in (G, H, negate(G), negate(H))]
        if not keys or len(set(encodings)) != len(keys) or set(encodings) & set(forbidden):
            raise Malformed("the keyset's keys break a rule")
        body = data[1 : read.place]
        signature = read.take(64)
        read.finish()
        self.keys = keys
        self.id = draw(b"keyset-id", [(b"keyset-body", body)])
        ed25519_verify(self.mint, self.id, signature)


def read_bundle(read):
    pairs = [(read.denomination(), read.number(2)) for _ in range(read.number(1))]
    denominations = [d for d, _ in pairs]
    if not pairs or any(count == 0 for _, count in pairs) or denominations != sorted(set(denominations)):
        raise Malformed("a bundle is not canonical")
    if sum(count for _, count in pairs) > 256 or sum(count << d for d, count in pairs) >= 2**63:
        raise Malformed("a bundle is too large")


# ---- 8: the blind signature ------------------------------------------------------------------------------------


def hsig(keyset, d, coin, r):
    messages = [(b"keyset", keyset.id), (b"denomination", bytes([d])), (b"X", keyset.keys[d][0]), (b"P", coin), (b"R", r)]
    return reduce(draw(b"blind-signature", messages, 64, b"challenge"))


class Token:
    def __init__(self, data):
        read = Reader(data)
        self.d = read.denomination()
        self.coin, self.P = read.point()
        self.signature = data[33:]
        self.r, self.R = read.point()
        self.z, self.y = read.scalar(), read.scalar(zero_allowed=False)

    def is_signed(self, keyset):
        f = hsig(keyset, self.d, self.coin, self.r) + pow(self.y, 5, ORDER)
        return ristretto_equal(combine((1, self.R), (f, keyset.keys[self.d][1])), combine((self.z, G), (self.y, H)))


# ---- 13, 14: payments ------------------------------------------------------------------------------------------

PAY, LOCKED, SWAP, RECOUP = 1, 2, 3, 4


class Payment:
    def __init__(self, data, embedded=False):
        read = Reader(data)
        if not embedded:
            read.version()
        self.kind = read.number(1, 4)
        if self.kind == 0:
            raise Malformed("the kind is not known")
        self.mint, self.keyset, self.request, self.payee = (read.take(32) for _ in range(4))
        self.amount = read.amount()
        self.authorized_at = read.number(8)
        raw = [read.take(129) for _ in range(read.number(1, 63))]
        self.check_shape(raw)
        self.tokens = [Token(token) for token in raw]
        self.ephemerals = [read.point() for _ in raw] if self.kind == LOCKED else []
        self.k, self.K = read.point()
        self.s = read.scalar()
        self.length = read.place
        if not embedded:
            read.finish()
        self.id = self.compute_id()

    def check_shape(self, raw):
        denominations, coins = [token[0] for token in raw], [token[1:33] for token in raw]
        if not raw or any(d > 62 for d in denominations):
            raise Malformed("there are no tokens, or a denomination is out of range")
        if len(set(coins)) != len(coins):
            raise Malformed("a token stands twice")
        ascending = denominations == sorted(set(denominations))
        merge = len(raw) == 2 and denominations[0] == denominations[1] and coins[0] < coins[1]
        if not (ascending or self.kind == SWAP and merge):
            raise Malformed("the tokens are not in canonical order or shape")
        if sum(1 << d for d in denominations) != self.amount:
            raise Malformed("the tokens do not add up to the amount")

    def compute_id(self):
        coins = b"".join(bytes([token.d]) + token.coin for token in self.tokens)
        messages = [(b"kind", bytes([self.kind])), (b"mint", self.mint), (b"keyset", self.keyset), (b"coins", coins)]
        messages += [(b"request", self.request), (b"payee", self.payee), (b"amount", self.amount)]
        return draw(b"payment-id", messages)

    def challenges(self, binding):
        messages = [(b"payment", self.id), (b"signatures", b"".join(token.signature for token in self.tokens))]
        if self.kind == LOCKED:
            messages.append((b"ephemerals", b"".join(data for data, _ in self.ephemerals)))
        messages += [(b"binding", binding), (b"authorized-at", self.authorized_at), (b"K", self.k)]
        wide = draw(b"authorization", messages, 64 * len(self.tokens), b"e")
        return [reduce(wide[64 * j :][:64]) for j in range(len(self.tokens))]

    def verify(self, keyset, digest=None, lock_key=None):
        if self.keyset != keyset.id or self.mint != keyset.mint:
            raise Refused("wrong_keyset")
        if (self.kind == SWAP) != (digest is not None) or (self.kind == LOCKED) != (lock_key is not None):
            raise Refused("wrong_kind")
        if any(token.d >= len(keyset.keys) for token in self.tokens):
            raise Refused("unknown_denomination")
        binding, offset = b"\0", IDENTITY
        if self.kind == SWAP:
            binding = b"\1" + digest
        if self.kind == LOCKED:
            offset = negate(multiply(lock_key, G))
            binding = b"\2" + ristretto_encode(negate(offset))
            for token, ephemeral in zip(self.tokens, self.ephemerals):
                if ristretto_encode(multiply(unlock(keyset, token.d, ephemeral, lock_key), G)) != token.coin:
                    raise Refused("not_locked_to_recipient")
        if not all(token.is_signed(keyset) for token in self.tokens):
            raise Refused("invalid_token")
        terms = [(e, add(token.P, offset)) for e, token in zip(self.challenges(binding), self.tokens)]
        if not ristretto_equal(combine((self.s, G)), combine((1, self.K), *terms)):
            raise Refused("invalid_authorization")


# ---- 16: locked tokens -----------------------------------------------------------------------------------------


def unlock(keyset, d, ephemeral, q):
    """p = q + t."""
    shared = ristretto_encode(multiply(q, ephemeral[1]))
    messages = [(b"Q", ristretto_encode(multiply(q, G))), (b"E", ephemeral[0]), (b"eQ", shared)]
    messages += [(b"keyset", keyset.id), (b"denomination", bytes([d]))]
    return (q + reduce_nonzero(draw(b"lock-tweak", messages, 64))) % ORDER


# ---- 12, 15, 17: requests, receipts, issuance ------------------------------------------------------------------


def invoice_hash(data):
    """The request hash of an invoice (a wire object), its signature checked."""
    read = Reader(data)
    read.version()
    payee, amount, _ = read.take(32), read.amount(), read.unit()
    mints = [read.take(72)[:32] for _ in range(read.number(2, 16))]
    read.take(16 + 8), read.number(1, 1), read.text(280), read.text(512), read.optional(32)
    if not mints or mints != sorted(set(mints)) or amount == 0:
        raise Malformed("the invoice breaks a rule")
    body, signature = data[1 : read.place], read.take(64)
    read.finish()
    digest = draw(b"invoice", [(b"request-body", body)])
    ed25519_verify(payee, digest, signature)
    return digest


def check_signed(data, domain, body_label, key_at, body_length):
    """A wire object that ends in a signature over the digest of its body."""
    body, signature = data[1 : 1 + body_length], data[1 + body_length :]
    ed25519_verify(data[key_at : key_at + 32], draw(domain, [(body_label, body)]), signature)


def check_receipt(data, payment):
    read = Reader(data)
    read.version()
    body, signature = read.take(120), read.take(64)
    read.finish()
    if body[:72] != payment.id + payment.payee + u64(payment.amount):
        raise Refused("the receipt is another payment's")
    ed25519_verify(body[32:64], draw(b"receipt", [(b"receipt-body", body)]), signature)


def issuance_digest(data):
    """(D, funding id, the swap that funds it) of an issuance request that tokens fund, its signature checked."""
    read = Reader(data)
    read.version()
    mint, keyset = read.take(32), read.take(32)
    read.take({1: 8, 2: 1, 3: 1, 4: 1, 5: 8}[read.number(1)])
    issuance, sid = read.take(32), read.take(72)
    read.take(32)
    amount, debit = read.amount(), read.amount()
    outputs = read.take(97 * read.number(2, 256))
    field = read.take(128)
    if read.number(1) != 3:
        raise Malformed("tokens do not fund it")
    swap = Payment(data[read.place :], embedded=True)
    read.take(swap.length)
    signature = read.take(64)
    read.finish()
    coins = b"".join(token.coin for token in swap.tokens)
    funding = draw(b"funding-id", [(b"funding-kind", b"\3"), (b"keyset", swap.keyset), (b"coins", coins)])
    messages = [(b"mint", mint), (b"keyset", keyset), (b"issuance", issuance), (b"sid", sid), (b"funding", funding)]
    messages += [(b"amount", amount), (b"debit", debit), (b"outputs", outputs), (b"field", field)]
    digest = draw(b"issuance-digest", messages)
    ed25519_verify(issuance, digest, signature)
    if swap.request != draw(b"swap-request", [(b"issuance", issuance)]) or swap.payee != mint:
        raise Refused("the swap funds another issuance")
    return digest, funding, swap


# ---- 8, 10: a wallet's side ------------------------------------------------------------------------------------


def unblind(keyset, given):
    """Replays one token's signing from the seed: (c, P ‖ σ)."""
    seed, d, n, position = bytes.fromhex(given["seed"]), given["denomination"], given["number"], given["position"]
    commitment, response = bytes.fromhex(given["commitment"]), bytes.fromhex(given["response"])
    start = [(b"mint", keyset.mint), (b"keyset", keyset.id)]
    place = [(b"n", n), (b"position", position), (b"denomination", bytes([d]))]
    p = reduce_nonzero(draw(b"coin-key", [(b"seed", seed)] + start + place, 64))
    coin = ristretto_encode(multiply(p, G))
    context = start + [(b"denomination", bytes([d])), (b"X", keyset.keys[d][0]), (b"n", n), (b"position", position)]
    context += [(b"P", coin), (b"A", commitment[:32]), (b"B", commitment[32:])]
    rho = draw(b"blinding-root", [(b"seed", seed)] + context)
    wide = draw(b"blinding-scalars", [(b"rho", rho)] + context, 192)
    alpha, r, beta = reduce_nonzero(wide[:64]), reduce(wide[64:128]), reduce(wide[128:])
    a, b = ristretto_decode(commitment[:32]), ristretto_decode(commitment[32:])
    x, alpha5 = keyset.keys[d][1], pow(alpha, 5, ORDER)
    blinded = ristretto_encode(combine((r, G), (alpha5, a), (alpha5 * beta, x), (alpha, b)))
    c = (hsig(keyset, d, coin, blinded) * pow(alpha5, -1, ORDER) + beta) % ORDER
    rb, ry, rz = (int.from_bytes(response[32 * i :][:32], "little") for i in range(3))
    first, second = combine((rb, G), (ry, H)), combine((1, a), (c + pow(ry, 5, ORDER), x))
    if not ristretto_equal(first, b) or not ristretto_equal(second, combine((rz, G))):
        raise Refused("the mint's response does not fit its commitment")
    z, y = (r + alpha5 * rz + alpha * rb) % ORDER, alpha * ry % ORDER
    number = lambda scalar: scalar.to_bytes(32, "little")
    return number(c), coin + blinded + number(z) + number(y)


# ---- 22: recoup ------------------------------------------------------------------------------------------------


class Record:
    def __init__(self, data):
        read = Reader(data)
        read.version()
        self.keyset = read.take(32)
        read.take({1: 8, 2: 1, 3: 1, 4: 1, 5: 8}[read.number(1)])
        self.issuance, _, _ = read.take(32), read.take(32), read.amount()
        self.outputs = [self.output(read) for _ in range(read.number(2, 256))]
        read.take(128)
        read.finish()

    @staticmethod
    def output(read):
        d, (a, A), (b, B), c = read.denomination(), read.point(), read.point(), read.scalar()
        return d, a, A, b, B, c, (read.scalar(), read.scalar(zero_allowed=False), read.scalar())


class Claim:
    def __init__(self, data):
        read = Reader(data)
        read.version()
        self.mint, self.keyset = read.take(32), read.take(32)
        self.payment = None
        if read.number(1, 1):
            self.payment = Payment(data[read.place :], embedded=True)
            read.take(self.payment.length)
        self.locked = read.optional(32)
        self.evidence = []
        for _ in range(read.number(2, 63)):
            token = Token(read.take(129))
            self.evidence.append((token, read.take(32), read.number(8), read.number(1), read.take(32)))
        read.finish()
        self.check()

    def check(self):
        payment, coins = self.payment, [token.coin for token, *_ in self.evidence]
        if payment and payment.kind not in (PAY, RECOUP):
            raise Malformed("the payment is of another kind")
        if payment and (payment.mint != self.mint or payment.keyset != self.keyset):
            raise Malformed("the payment is of another keyset")
        if self.locked is not None and not (payment and payment.kind == PAY):
            raise Malformed("a payment that is redeemed stands where none is")
        if coins != sorted(set(coins)):
            raise Malformed("the evidence is not in order")
        if not payment and not coins:
            raise Malformed("the claim is empty")
        paid = {(token.d, token.coin, token.signature) for token in payment.tokens} if payment else None
        if payment and any((token.d, token.coin, token.signature) not in paid for token, *_ in self.evidence):
            raise Malformed("there is evidence of another token")
        if payment and payment.kind == RECOUP and len(coins) != len(payment.tokens):
            raise Malformed("evidence is missing")


def prove(keyset, record, token, issuance, n, position, rho):
    """22.1: a token came from a recorded issuance."""
    if record.keyset != keyset.id or record.issuance != issuance:
        raise Refused("the record is of another issuance")
    if position >= len(record.outputs) or record.outputs[position][0] != token.d:
        raise Refused("the issuance has no such token")
    d, a, A, b, B, c, response = record.outputs[position]
    context = [(b"mint", keyset.mint), (b"keyset", keyset.id), (b"denomination", bytes([d])), (b"X", keyset.keys[d][0])]
    context += [(b"n", n), (b"position", position), (b"P", token.coin), (b"A", a), (b"B", b)]
    wide = draw(b"blinding-scalars", [(b"rho", rho)] + context, 192)
    alpha, r, beta = reduce_nonzero(wide[:64]), reduce(wide[64:128]), reduce(wide[128:])
    x, alpha5 = keyset.keys[d][1], pow(alpha, 5, ORDER)
    blinded = ristretto_encode(combine((r, G), (alpha5, A), (alpha5 * beta, x), (alpha, B)))
    if (hsig(keyset, d, token.coin, blinded) * pow(alpha5, -1, ORDER) + beta) % ORDER != c:
        raise Refused("the recorded challenge was not computed from this")
    rb, ry, rz = response
    z, y = (r + alpha5 * rz + alpha * rb) % ORDER, alpha * ry % ORDER
    number = lambda scalar: scalar.to_bytes(32, "little")
    if token.signature != blinded + number(z) + number(y) or not token.is_signed(keyset):
        raise Refused("the record does not make this token")


def prove_all(keyset, record, claim):
    for token, issuance, n, position, rho in claim.evidence:
        prove(keyset, record, token, issuance, n, position, rho)


def check_claims(vectors):
    unhex = bytes.fromhex
    keyset, record = Keyset(unhex(vectors["document"])), Record(unhex(vectors["record"]))
    request = draw(b"recoup-request", [(b"keyset", keyset.id)])
    require(request == unhex(vectors["request"]), "request hash of a recoup")
    for case in vectors["claims"]:
        claim = Claim(unhex(case["claim"]))
        prove_all(keyset, record, claim)
        if claim.payment:
            claim.payment.verify(keyset)
            require(claim.payment.id.hex() == case["payment"], f"{case['name']} claim: id, signatures, authorization")
            asked = draw(b"locked-deposit", [(b"payment", claim.locked)]) if claim.locked else request
            # What a payee was credited that was not locked was asked for by an invoice or offer of his own.
            if claim.locked or claim.payment.kind == RECOUP:
                require(claim.payment.request == asked, "its request hash")
        require(len(claim.evidence) == case["evidence"], f"{case['name']} claim: where its tokens came from")


# ---- 5: text ---------------------------------------------------------------------------------------------------


def bech32m_decode(prefix, text):
    head, _, tail = text.rpartition("1")
    values = ["qpzry9x8gf2tvdw0s3jn54khce6mua7l".index(c) for c in tail]
    check = 1
    for value in [ord(c) >> 5 for c in head] + [0] + [ord(c) & 31 for c in head] + values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    if head != prefix or check != 0x2BC830A3:
        raise Malformed("the text is damaged")
    bits, data = "".join(f"{value:05b}" for value in values[:-6]), bytearray()
    whole = len(bits) // 8 * 8
    if len(bits) - whole > 4 or "1" in bits[whole:]:
        raise Malformed("the text is not canonical")
    return bytes(int(bits[i : i + 8], 2) for i in range(0, whole, 8))


# ---- 21: the archive -------------------------------------------------------------------------------------------


def read_span(read):
    span = read.number(8), read.number(8)
    if span[0] >= span[1]:
        raise Malformed("a span is empty")
    return span


def ascend(items):
    return all(a < b for a, b in zip(items, items[1:]))


class Signed:
    """A wire object of the archive: a body and the mint's signature over its digest."""

    def __init__(self, data):
        read = Reader(data)
        read.version()
        self.mint = read.take(32)
        self.read(read)
        self.body = data[1 : read.place]
        self.signature = read.take(64)
        read.finish()
        self.check()

    def check(self):
        pass

    def verify(self):
        ed25519_verify(self.mint, draw(self.domain, [(self.label, self.body)]), self.signature)


def issuance_hash(salt, issuance):
    return draw(b"issuance-hash", [(b"salt", salt), (b"issuance", issuance)])


class IssuanceFile(Signed):
    domain, label = b"issuance-file", b"file-body"

    def read(self, read):
        self.keyset, _, _, self.salt = read.take(32), read.number(4), read_span(read), read.take(16)
        self.bits, self.prefix = read.number(1, 8), read.number(2)
        if self.prefix >> self.bits:
            raise Malformed("the prefix has more bits than it says")
        self.head = read.data[1 : read.place]
        self.records = [self.read_record(read.take(read.number(2))) for _ in range(read.number(2, 16384))]

    def read_record(self, data):
        read = Reader(data)
        keyset = read.take(32)
        shape = read.number(1)
        if shape not in (1, 2, 3, 4, 5):
            raise Malformed("the shape is not known")
        read.amount() if shape in (1, 5) else read.number(1) if shape == 2 else read.denomination()
        return keyset, read.take(32), data

    def check(self):
        hashes = [issuance_hash(self.salt, issuance) for _, issuance, _ in self.records]
        prefixes = [h[0] >> 8 - self.bits for h in hashes]
        if any(keyset != self.keyset for keyset, _, _ in self.records) or set(prefixes) - {self.prefix}:
            raise Malformed("a record belongs to another file")
        if not ascend(hashes):
            raise Malformed("the records are not in order")


class SpentFilter(Signed):
    domain, label = b"spent-filter", b"filter-body"

    def read(self, read):
        self.keyset, self.period, _ = read.take(32), read.number(4), read_span(read)
        part, parts = read.number(2), read.number(2)
        if part >= parts:
            raise Malformed("the part is not one of the parts")
        self.head = read.data[1 : read.place]
        self.fingerprints = [read.number(4) for _ in range(read.number(4, 262144))]

    def check(self):
        if not ascend(self.fingerprints):
            raise Malformed("the fingerprints are not in order")


class ArchiveIndex(Signed):
    domain, label = b"archive-index", b"index-body"

    def read(self, read):
        self.issued_at, self.sealed_until, self.filtered_until = (read.number(8) for _ in range(3))
        self.keysets = {}
        ids = []
        for _ in range(read.number(2, 1024)):
            ids.append(read.take(32))
            segments = [
                (read_span(read), (read.take(16), read.number(1, 8)), read.number(4)) for _ in range(read.number(2, 65535))
            ]
            filters = [(read_span(read), read.number(2), read.number(4)) for _ in range(read.number(2, 65535))]
            self.keysets[ids[-1]] = segments, filters
        if not ascend(ids):
            raise Malformed("the keysets are not in order")

    def check(self):
        if len(self.body) > 3000000 or max(self.sealed_until, self.filtered_until) > self.issued_at:
            raise Malformed("the index breaks a rule")
        for segments, filters in self.keysets.values():
            if not segments and not filters or any(count == 0 for _, _, count in segments + filters):
                raise Malformed("something is empty")
            if any(parts == 0 for _, parts, _ in filters):
                raise Malformed("a filter has no parts")
            if any(parts != -(-count // 262144) for _, parts, count in filters):
                raise Malformed("a filter has more parts than it needs, or fewer")
            for listed, end in ((segments, self.sealed_until), (filters, self.filtered_until)):
                spans = [span for span, _, _ in listed]
                if listed is segments:
                    # Those next to one another may share a span.
                    spans = [span for place, span in enumerate(spans) if place == 0 or span != spans[place - 1]]
                if any(a[1] > b[0] for a, b in zip(spans, spans[1:])) or spans and spans[-1][1] > end:
                    raise Malformed("spans are not in order")

    def accept(self, mint, seen, now, deposit_until):
        if self.mint != mint:
            raise Refused("the index is another mint's")
        self.verify()
        if self.issued_at < seen.issued_at or self.issued_at == seen.issued_at and self.body != seen.body:
            raise Refused("the index is older, or contradicts")
        ends = [(self.sealed_until, seen.sealed_until), (self.filtered_until, seen.filtered_until)]
        if any(own < earlier for own, earlier in ends):
            raise Refused("the index took something back")
        for keyset, earlier in seen.keysets.items():
            if keyset not in self.keysets and deposit_until.get(keyset, self.issued_at + 1) <= self.issued_at:
                continue
            own = self.keysets.get(keyset, ([], []))
            if any(now_listed[: len(before)] != before for now_listed, before in zip(own, earlier)):
                raise Refused("the index took something back")
        for keyset, own in self.keysets.items():
            earlier = seen.keysets.get(keyset, ([], []))
            for now_listed, before, (_, end) in zip(own, earlier, ends):
                if any(span[0] < end for span, _, _ in now_listed[len(before) :]):
                    raise Refused("the index adds to a time that was complete")
        if self.issued_at > now + 300:
            raise Refused("the index is from the future")


def accept_file(file, asked):
    if file.head != asked:
        raise Refused("it is another file")
    file.verify()


def check_archive(vectors):
    unhex = bytes.fromhex
    keyset, salt = unhex(vectors["keyset"]), unhex(vectors["salt"])
    for case in vectors["hashes"]:
        require(issuance_hash(salt, unhex(case["issuance"])).hex() == case["hash"], "H(salt, issuance id)")
    prints = []
    for case in vectors["fingerprints"]:
        messages = [(b"keyset", keyset), (b"period", vectors["period"]), (b"P", unhex(case["P"]))]
        prints.append(int.from_bytes(draw(b"spent-fingerprint", messages)[:4], "little"))
        require(prints[-1] == case["fingerprint"], "fingerprint of a spent serial")
    spent = SpentFilter(unhex(vectors["filter"]))
    spent.verify()
    require(spent.fingerprints == sorted(prints), "filter: its fingerprints and the mint's signature")
    file = IssuanceFile(unhex(vectors["file"]))
    file.verify()
    require([issuance for _, issuance, _ in file.records] == [unhex(c["issuance"]) for c in vectors["hashes"]], "issuance file")
    ArchiveIndex(unhex(vectors["index"])).verify()
    print("  index: the mint's signature")


def check_refusal(path, vectors):
    """One reason of rejection: what is refused, and what it was made from."""
    given = {key: bytes.fromhex(value) for key, value in vectors["with"].items() if isinstance(value, str)}
    proven = lambda data: prove_all(Keyset(given["document"]), Record(given["record"]), Claim(data))
    operations = {
        "decode recoup claim": Claim,
        "prove tokens": proven,
        "decode issuance file": IssuanceFile,
        "decode spent filter": SpentFilter,
        "decode archive index": ArchiveIndex,
        "accept issuance file": lambda data: accept_file(IssuanceFile(data), given["asked"]),
        "accept spent filter": lambda data: accept_file(SpentFilter(data), given["asked"]),
        "accept archive index": lambda data: ArchiveIndex(data).accept(
            given["mint"],
            ArchiveIndex(given["seen"]),
            vectors["with"]["now"],
            {given["keyset"]: vectors["with"]["deposit_until"]} if "deposit_until" in vectors["with"] else {},
        ),
    }
    operation = operations[vectors["operation"]]
    operation(bytes.fromhex(vectors["accepted"]))
    try:
        operation(bytes.fromhex(vectors["refused"]))
    except Refused as refused:
        print(f"  refused, {refused}")
        return
    raise Refused(f"{path} is to be refused")


# ---- the vectors -----------------------------------------------------------------------------------------------


def require(condition, what):
    if not condition:
        raise Refused(what)
    print(f"  {what}")


def check_payment(case, keyset):
    payment = Payment(bytes.fromhex(case["bytes"]))
    digest = bytes.fromhex(case["issuance_digest"]) if "issuance_digest" in case else None
    lock_key = int.from_bytes(bytes.fromhex(case["lock_key"]), "little") if "lock_key" in case else None
    payment.verify(keyset, digest, lock_key)
    return payment


def reason(case, keyset):
    try:
        check_payment(case, keyset)
    except Malformed:
        return "malformed"
    except Refused as refused:
        return str(refused)
    return "accepted"


def check_cases(vectors):
    """Payments of every kind, with their ids and challenges."""
    keyset = Keyset(bytes.fromhex(vectors["document"]))
    for case in vectors["cases"]:
        given = {"bytes": case["payment"]}
        if case["kind"] == SWAP:
            given["issuance_digest"] = vectors["D"]
        if case["kind"] == LOCKED:
            given["lock_key"] = vectors["q"]
        payment = check_payment(given, keyset)
        challenges = [e.to_bytes(32, "little").hex() for e in payment.challenges(bytes.fromhex(case["binding"]))]
        require(payment.id.hex() == case["id"] and challenges == case["e"], f"{case['name']}: id, signatures, authorization")


def main(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    if "cases" in vectors:
        check_cases(vectors)
    elif "claims" in vectors:
        check_claims(vectors)
    elif "filter" in vectors:
        check_archive(vectors)
    elif "payout" in vectors:
        check_payout(vectors)
    elif "quote_request" in vectors:
        check_quote(vectors)
    elif "voucher" in vectors:
        check_voucher(vectors)
    elif "permit" in vectors:
        check_settings(vectors)
    elif "refused" in vectors and "operation" in vectors:
        check_refusal(path, vectors)
    else:
        check_examples(vectors)
    print(f"{path}: everything agrees")


def check_payout(vectors):
    unhex = bytes.fromhex

    def text(value):
        return len(value.encode()).to_bytes(2, "little") + value.encode()

    payout, unit = unhex(vectors["payout"]), vectors["unit"]
    account = payout[1:33]
    body = account + unhex(vectors["mint"]) + unhex(vectors["operation"]) + vectors["amount"].to_bytes(8, "little")
    body += text(unit["code"]) + bytes([unit["exponent"]]) + vectors["requested_at"].to_bytes(8, "little")
    body += text(vectors["reference"]) + b"\x01" + unhex(vectors["to"])
    digest = draw(b"payout", [(b"payout-body", body)])
    require(payout[:-64] == b"\x01" + body, "payout request: layout")
    require(digest == unhex(vectors["digest"]), "payout request: digest")
    ed25519_verify(account, digest, payout[-64:])
    print("  payout request: layout and signature")


def check_quote(vectors):
    unhex, unit = bytes.fromhex, vectors["unit"]
    request = unhex(vectors["quote_request"])
    read = Reader(request)
    read.version()
    account, mint, operation = read.take(32), read.take(32), read.take(16)
    amount, named, at = read.amount(), read.unit(), read.number(8)
    require(mint == unhex(vectors["mint"]) and operation == unhex(vectors["operation"]), "quote request: whose")
    require((amount, at) == (vectors["amount"], vectors["requested_at"]) and amount > 0, "quote request: how much, when")
    require(named == (unit["code"], unit["exponent"]), "quote request: unit")
    digest = draw(b"funding-quote", [(b"quote-body", request[1:-64])])
    require(digest == unhex(vectors["digest"]), "quote request: digest")
    ed25519_verify(account, digest, request[-64:])
    quote = vectors["quote"]
    require("FQ" + base64.b32encode(unhex(quote["bytes"])).decode() == quote["text"], "quote: its name")
    print("  quote request: layout and signature")


def check_voucher(vectors):
    unhex, unit = bytes.fromhex, vectors["unit"]
    code = unhex(vectors["voucher"])
    read = Reader(code)
    read.version()
    require(read.take(32) == unhex(vectors["mint"]), "voucher: mint")
    secret = read.take(32)
    wide = hashlib.sha512(secret).digest()[:32]
    scalar = int.from_bytes(wide, "little") & ((1 << 254) - 8) | 1 << 254
    require(ed25519_encode(multiply(scalar, ED25519_BASE)) == unhex(vectors["public"]), "voucher: the public key of its private one")
    require(read.amount() == vectors["amount"] > 0, "voucher: amount")
    require(read.unit() == (unit["code"], unit["exponent"]), "voucher: unit")
    require(read.number(8) == vectors["expires_at"], "voucher: end")
    read.finish()
    require(bech32m_decode("farthingvoucher", vectors["text"]) == code, "voucher: text form")


def check_settings(vectors):
    """A change of an account's limit, with a recovery code; and a permission, with the authenticator's."""
    unhex = bytes.fromhex

    def text(value):
        return len(value.encode()).to_bytes(2, "little") + value.encode()

    unit = text(vectors["unit"]["code"]) + bytes([vectors["unit"]["exponent"]])
    time = vectors["requested_at"].to_bytes(8, "little")
    recovery = base64.b32decode(vectors["recovery_code"].replace("-", ""))
    account = unhex(vectors["settings"])[1:33]
    change = b"\x03" + unit + b"\x01" + vectors["limit"].to_bytes(8, "little") + b"\x02" + recovery
    settings = account + unhex(vectors["mint"]) + vectors["version"].to_bytes(8, "little") + time + change
    permit = account + unhex(vectors["mint"]) + b"\x01" + unhex(vectors["operation"]) + unit
    permit += vectors["amount"].to_bytes(8, "little") + time + b"\x01" + int(vectors["time_code"]).to_bytes(4, "little")
    payout_permit = permit[:64] + b"\x02" + unhex(vectors["payout_digest"]) + permit[65:]
    for name, domain, label, body in (
        ("settings", b"account-settings", b"settings-body", settings),
        ("permit", b"permit", b"permit-body", permit),
        ("payout_permit", b"permit", b"permit-body", payout_permit),
    ):
        signed = unhex(vectors[name])
        digest = draw(domain, [(label, body)])
        require(signed[:-64] == b"\x01" + body, f"{name}: layout")
        require(digest == unhex(vectors[f"{name}_digest"]), f"{name}: digest")
        ed25519_verify(account, digest, signed[-64:])
        print(f"  {name}: layout and signature")


def check_examples(vectors):
    unhex = bytes.fromhex
    require(ristretto_encode(H) == unhex(vectors["h"]), "H")
    keyset = Keyset(unhex(vectors["keyset"]["bytes"]))
    require(keyset.id == unhex(vectors["keyset"]["id"]), "keyset: id and the mint's signature")

    payments = {}
    for case in vectors["payments"]:
        payment = payments[case["name"]] = check_payment(case, keyset)
        require(payment.id == unhex(case["id"]), f"{case['name']}: id, {len(payment.tokens)} signatures, authorization")
    for case in vectors["refused"]:
        require(reason(case, keyset) == case["reason"], f"refused, {case['reason']}: {case['name']}")

    invoice = vectors["invoice"]
    request = invoice_hash(unhex(invoice["bytes"]))
    require(request == unhex(invoice["hash"]) == payments["pay"].request, "invoice: hash and the payee's signature")
    require(bech32m_decode("farthinginvoice", invoice["text"]) == unhex(invoice["bytes"]), "invoice: text form")
    http = invoice["http"]
    messages = [(b"method", http["method"].encode()), (b"url", http["url"].encode()), (b"body", unhex(http["body"]))]
    require(draw(b"http-binding", messages) in unhex(invoice["bytes"]), "invoice: HTTP binding")
    offer = vectors["offer"]
    require(draw(b"offer", [(b"request-body", unhex(offer["bytes"])[2:])]) == unhex(offer["hash"]), "offer: hash")
    check_receipt(unhex(vectors["receipt"]["bytes"]), payments["pay"])
    print("  receipt: the payee's signature")

    recipient = unhex(vectors["recipient"]["bytes"])
    check_signed(recipient, b"recipient", b"recipient-body", 1, len(recipient) - 65)
    listed = unhex(vectors["list"]["bytes"])
    check_signed(listed, b"keyset-list", b"list-body", 1, len(listed) - 65)
    query = unhex(vectors["account_query"]["bytes"])
    messages = [(b"account", query[1:33]), (b"mint", query[33:65]), (b"time", query[65:73])]
    ed25519_verify(query[1:33], draw(b"account-query", messages), query[73:])
    print("  recipient, list and account query: signatures")

    issuance = vectors["issuance"]
    digest, funding, swap = issuance_digest(unhex(issuance["request"]))
    require(digest == unhex(issuance["digest"]), "issuance: D and the issuance key's signature")
    require(funding == unhex(issuance["funding_id"]) and swap.id == payments["swap"].id, "issuance: funding")
    deposit = draw(b"locked-deposit", [(b"payment", payments["locked"].id)])
    require(deposit == unhex(vectors["locked_deposit_request"]), "locked payment: request hash of its deposit")

    blinding = vectors["blinding"]
    c, signed = unblind(keyset, blinding)
    token = payments["pay"].tokens[blinding["position"]]
    require(c == unhex(blinding["challenge"]), "wallet: coin key, blinding and challenge")
    require(signed == token.coin + token.signature, "wallet: unblinded signature")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        for argument in sys.argv[1:]:
            main(argument)
    except Refused as refused:
        sys.exit(f"NOT as specified: {refused}")
