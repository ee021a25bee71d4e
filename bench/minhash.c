/* The kernels of skypile.kernels.tokens and .minhash in plain C, for bench.dedup to compare with:
   the same tables, the same buffers, the same values. Built at bench time with cc -O3. */
#include <stdint.h>
#include <string.h>

enum { WORD = 1, SINGLE = 2, EXTEND = 3, DROP = 4, JAMO = 5, SEVERAL = 7 };
enum { CHUNK = 2048, TOKENS = 8192, MAX_MARKS = 30 };
static const uint64_t SEED = 0x9AE16A3B2F90404F, MARK = 0xC949C7DEFE1B9E6B;
static const uint64_t STEP = 0x9E3779B97F4A7C15, BASE = 0xD6E8FEB86659FD93;
static const uint32_t P = 0x7FFFFFFF;

static uint64_t mix(uint64_t h) {
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53;
  return h ^ (h >> 33);
}

void update(uint32_t *restrict row, const uint64_t *hashes, int64_t count, const uint64_t *a,
            const uint64_t *b, int64_t permutations) {
  uint32_t xs[CHUNK];
  for (int64_t first = 0; first < count; first += CHUNK) {
    int64_t size = count - first < CHUNK ? count - first : CHUNK;
    for (int64_t i = 0; i < size; i++) xs[i] = (uint32_t)(hashes[first + i] >> 33);
    for (int64_t k = 0; k < permutations; k++) {
      uint64_t ak = a[k], bk = b[k];
      uint32_t least = row[k];
      for (int64_t i = 0; i < size; i++) {
        uint64_t v = ak * xs[i] + bk;
        uint32_t folded = ((uint32_t)v & P) + (uint32_t)(v >> 31);
        uint32_t rest = folded - P;
        rest = folded < rest ? folded : rest;
        least = rest < least ? rest : least;
      }
      row[k] = least;
    }
  }
}

void signatures(uint32_t *out, const uint64_t *hashes, const int64_t *offsets, int64_t documents,
                const uint64_t *a, const uint64_t *b, int64_t permutations) {
  for (int64_t doc = 0; doc < documents; doc++)
    update(out + doc * permutations, hashes + offsets[doc], offsets[doc + 1] - offsets[doc], a, b,
           permutations);
}

typedef struct {
  uint64_t h, held[MAX_MARKS];
  uint32_t base;
  int open, marks;
} Token;

static void settle_marks(Token *t) {
  for (int i = 0; i < t->marks; i++) t->h = (t->h ^ (t->held[i] >> 11)) * STEP;
  t->marks = 0;
}

static int64_t decode(const uint8_t *text, int64_t *pos, int64_t end) {
  int64_t code = text[*pos];
  int size;
  if (code < 0x80) return (*pos)++, code;
  if (code >= 0xF0) size = 4, code &= 7;
  else if (code >= 0xE0) size = 3, code &= 15;
  else if (code >= 0xC2) size = 2, code &= 31;
  else return (*pos)++, 0xFFFD;
  if (*pos + size > end) return *pos = end, 0xFFFD;
  for (int i = 1; i < size; i++) code = code << 6 | (text[*pos + i] & 63);
  *pos += size;
  return code <= 0x10FFFF ? code : 0xFFFD;
}

static uint32_t join(uint32_t base, uint32_t code) {
  if (base >= 0x1100 && base <= 0x1112 && code >= 0x1161 && code <= 0x1175)
    return 0xAC00 + ((base - 0x1100) * 21 + code - 0x1161) * 28;
  if (base >= 0xAC00 && base <= 0xD7A3 && (base - 0xAC00) % 28 == 0 && code >= 0x11A8 &&
      code <= 0x11C2)
    return base + code - 0x11A7;
  return 0;
}

static int64_t take(Token *t, uint32_t entry, uint64_t *out, int64_t count) {
  uint32_t kind = entry & 7, value = entry >> 11, ccc = entry >> 3 & 255, joined = 0;
  if (kind == EXTEND) {
    if (!t->open) return count;
    if (!ccc || t->marks == MAX_MARKS) settle_marks(t);
    if (!ccc) {
      t->h = (t->h ^ value) * STEP;
    } else {
      int at = t->marks++;
      for (; at > 0 && (t->held[at - 1] >> 3 & 255) > ccc; at--) t->held[at] = t->held[at - 1];
      t->held[at] = entry;
    }
    t->base = 0;
    return count;
  }
  if (kind == DROP) return count;
  if (kind == JAMO) {
    kind = SINGLE;
    if (t->open == SINGLE) joined = join(t->base, value);
  }
  if (joined) {
    t->base = joined;
    t->h = (SEED ^ joined) * STEP;
    return count;
  }
  if (t->marks) settle_marks(t);
  if (t->open && (kind != WORD || t->open != WORD)) {
    out[count++] = mix(t->h);
    t->open = 0;
  }
  if (kind == WORD || kind == SINGLE) {
    t->h = ((t->open ? t->h : SEED) ^ value) * STEP;
    t->open = (int)kind;
    t->base = value;
  }
  return count;
}

static void flush(uint32_t *row, uint64_t *tokens, uint64_t *made, int64_t shingles, int64_t size,
                  const uint64_t *a, const uint64_t *b, int64_t permutations) {
  for (int64_t i = 0; i < shingles; i++) {
    uint64_t h = tokens[i];
    for (int64_t j = 1; j < size; j++) h = h * BASE + tokens[i + j];
    made[i] = mix(h);
  }
  update(row, made, shingles, a, b, permutations);
}

/* Texts to signatures. A text without a token (the caller has none) keeps its row as it is. */
void text_signatures(uint32_t *out, const uint8_t *text, const int64_t *offsets, int64_t documents,
                     const uint32_t *entries, const uint32_t *several, int64_t size,
                     const uint64_t *a, const uint64_t *b, int64_t permutations) {
  uint64_t tokens[TOKENS + 32], made[TOKENS + 32];
  for (int64_t doc = 0; doc < documents; doc++) {
    uint32_t *row = out + doc * permutations;
    Token t = {.h = 0};
    int64_t pos = offsets[doc], end = offsets[doc + 1], count = 0, total = 0;
    while (pos < end) {
      uint8_t byte = text[pos];
      uint32_t entry = entries[decode(text, &pos, end)];
      if ((entry & 7) == SEVERAL) {
        const uint32_t *part = several + (entry >> 11);
        for (uint32_t i = 1; i <= part[0] >> 3; i++) count = take(&t, part[i], tokens, count);
      } else {
        count = take(&t, entry, tokens, count);
      }
      if (byte < 0x80 && (entry & 7) == WORD)
        for (; pos < end && text[pos] < 0x80 && (entries[text[pos]] & 7) == WORD; pos++)
          t.h = (t.h ^ (entries[text[pos]] >> 11)) * STEP;
      if (count >= TOKENS) {
        flush(row, tokens, made, count - size + 1, size, a, b, permutations);
        total += count - size + 1;
        memmove(tokens, tokens + count - size + 1, (size_t)(size - 1) * sizeof *tokens);
        count = size - 1;
      }
    }
    settle_marks(&t);
    if (t.open) tokens[count++] = mix(t.h);
    if (count >= size) {
      flush(row, tokens, made, count - size + 1, size, a, b, permutations);
    } else if (!total && count) {
      uint64_t h = MARK ^ (uint64_t)count;
      for (int64_t i = 0; i < count; i++) h = h * BASE + tokens[i];
      h = mix(h);
      update(row, &h, 1, a, b, permutations);
    }
  }
}
