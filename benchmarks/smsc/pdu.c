/* The few PDUs of SMPP 3.4 that load needs (§4.1, §4.4, §4.6). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "smsc.h"

struct cursor {
    const uint8_t *at, *end;
    bool broken;
};

uint32_t read32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void write32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

static uint8_t octet(struct cursor *cursor)
{
    if (cursor->at >= cursor->end) {
        cursor->broken = true;
        return 0;
    }
    return *cursor->at++;
}

/* A C-octet string: where it stands in the PDU, or NULL where its end is missing. */
static const char *string(struct cursor *cursor)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    const uint8_t *zero = left ? memchr(cursor->at, 0, left) : NULL;
    const char *found = (const char *)cursor->at;
    if (!zero) {
        cursor->broken = true;
        return NULL;
    }
    cursor->at = zero + 1;
    return found;
}

static void address(struct cursor *cursor, char *into)
{
    const char *found = string(cursor);
    snprintf(into, ADDRESS, "%s", found ? found : "");
}

bool parse_submit(const uint8_t *pdu, size_t length, struct submit *found)
{
    struct cursor cursor = {pdu + 16, pdu + length, false};
    string(&cursor);
    found->source_ton = octet(&cursor);
    found->source_npi = octet(&cursor);
    address(&cursor, found->source);
    found->to_ton = octet(&cursor);
    found->to_npi = octet(&cursor);
    address(&cursor, found->to);
    found->esm_class = octet(&cursor);
    octet(&cursor);
    octet(&cursor);
    string(&cursor);
    string(&cursor);
    found->registered = octet(&cursor);
    octet(&cursor);
    found->coding = octet(&cursor);
    octet(&cursor);
    found->text_length = octet(&cursor);
    found->text = cursor.at;
    return !cursor.broken && found->text_length <= (size_t)(cursor.end - cursor.at);
}

bool parse_bind(const uint8_t *pdu, size_t length, const char **password)
{
    struct cursor cursor = {pdu + 16, pdu + length, false};
    string(&cursor);
    *password = string(&cursor);
    return !cursor.broken;
}

void put_header(struct buffer *out, uint32_t command, uint32_t status, uint32_t sequence)
{
    uint8_t *to = buffer_room(out, 16);
    write32(to, 16);
    write32(to + 4, command);
    write32(to + 8, status);
    write32(to + 12, sequence);
    out->end += 16;
}

/* A response whose body is one C-octet string: a message id, or a system id. */
void put_named(struct buffer *out, uint32_t command, uint32_t status, uint32_t sequence, const char *name)
{
    size_t size = strlen(name) + 1;
    uint8_t *to = buffer_room(out, 16 + size);
    put_header(out, command, status, sequence);
    write32(to, (uint32_t)(16 + size));
    memcpy(to + 16, name, size);
    out->end += size;
}

static const char *date(uint64_t at)
{
    static uint64_t cached;
    static char text[16];
    uint64_t minute = at / (60 * SECOND);
    if (minute != cached) {
        time_t seconds = (time_t)(at / SECOND);
        struct tm parts;
        gmtime_r(&seconds, &parts);
        strftime(text, sizeof text, "%y%m%d%H%M", &parts);
        cached = minute;
    }
    return text;
}

/* deliver_sm with the receipt text of SMPP 3.4, appendix B. */
void put_receipt(struct buffer *out, const struct receipt *receipt, uint32_t sequence)
{
    char submitted[16], text[256];
    snprintf(submitted, sizeof submitted, "%s", date(receipt->submitted));
    int length = snprintf(text, sizeof text,
                          "id:%llu sub:001 dlvrd:001 submit date:%s done date:%s stat:DELIVRD err:000 text:%.*s",
                          (unsigned long long)receipt->number, submitted, date(wall()),
                          receipt->excerpt_length, receipt->excerpt);
    size_t from = strlen(receipt->to) + 1, to = strlen(receipt->source) + 1;
    size_t size = 16 + 1 + 2 + from + 2 + to + 3 + 2 + 5 + (size_t)length;
    uint8_t *at = buffer_room(out, size);
    put_header(out, 0x00000005, 0, sequence);
    write32(at, (uint32_t)size);
    uint8_t *body = at + 16;
    *body++ = 0;
    *body++ = receipt->to_ton;
    *body++ = receipt->to_npi;
    memcpy(body, receipt->to, from);
    body += from;
    *body++ = receipt->source_ton;
    *body++ = receipt->source_npi;
    memcpy(body, receipt->source, to);
    body += to;
    *body++ = 0x04; /* esm_class: a receipt */
    memset(body, 0, 2 + 2 + 4);
    body += 2 + 2 + 4;
    *body++ = (uint8_t)length;
    memcpy(body, text, (size_t)length);
    out->end += size - 16;
}
