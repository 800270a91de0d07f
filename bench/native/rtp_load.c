/* The clock of bench/rtp_load.py in C, for more calls than Python can serve: the same slots, the same packets,
 * the same record of what came. Loaded as a library; sockets, addresses and payloads come from Python.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define SLOTS 10
#define SLOT_NS 2000000LL
#define PERIODS_BETWEEN_READS 5
#define PACKETS_BETWEEN_MARKS 25
#define BATCH 16
#define MAX_PACKET 512
#define HEADER 12

struct packets { const uint8_t *bytes; const uint32_t *offsets; uint32_t count; };

struct stream {
    int fd, slot, sending;
    uint32_t payload_type, ticks, ssrc, begin, sent_number;
    struct packets payloads, ready_made;
    uint8_t *received; /* for each packet: 8 bytes of nanoseconds, 4 of length, the packet */
    uint64_t received_bytes, received_room;
    int64_t *marks;
    uint32_t mark_count, mark_room;
    uint32_t packets_sent;
};

struct load {
    struct stream *streams;
    uint32_t count, room;
    int64_t begin_ns, slot;
    double *lateness_ms;
    uint32_t lateness_count, lateness_room;
};

static int64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *room_for(void *old, uint64_t bytes) {
    void *grown = realloc(old, bytes);
    if (!grown) abort();
    return grown;
}

struct load *load_new(void) {
    struct load *load = calloc(1, sizeof *load);
    if (load) load->begin_ns = clock_ns(CLOCK_MONOTONIC);
    return load;
}

/* Payloads and packets stay the caller's, and must live as long as the load. */
uint32_t load_add(struct load *load, int fd, int slot, uint32_t payload_type, uint32_t ticks, uint32_t ssrc,
                  uint32_t begin, const uint8_t *payloads, const uint32_t *payload_offsets, uint32_t payload_count,
                  const uint8_t *ready, const uint32_t *ready_offsets, uint32_t ready_count) {
    if (load->count == load->room) {
        load->room = load->room ? load->room * 2 : 64;
        load->streams = room_for(load->streams, load->room * sizeof *load->streams);
    }
    struct stream *s = &load->streams[load->count];
    memset(s, 0, sizeof *s);
    s->fd = fd, s->slot = slot, s->payload_type = payload_type, s->ticks = ticks, s->ssrc = ssrc;
    s->begin = begin;
    s->payloads = (struct packets){payloads, payload_offsets, payload_count};
    s->ready_made = (struct packets){ready, ready_offsets, ready_count};
    return load->count++;
}

void load_sending(struct load *load, uint32_t stream, int sending) { load->streams[stream].sending = sending; }

static void put32(uint8_t *at, uint32_t value) {
    at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value;
}

static void send_one(struct stream *s) {
    uint8_t packet[MAX_PACKET];
    const uint8_t *from = packet;
    uint32_t number = s->sent_number, length;
    if (s->ready_made.count) {
        if (number >= s->ready_made.count) return;
        from = s->ready_made.bytes + s->ready_made.offsets[number];
        length = s->ready_made.offsets[number + 1] - s->ready_made.offsets[number];
    } else {
        uint32_t at = (s->begin + number) % s->payloads.count;
        length = s->payloads.offsets[at + 1] - s->payloads.offsets[at];
        packet[0] = 0x80, packet[1] = s->payload_type, packet[2] = number >> 8, packet[3] = number;
        put32(packet + 4, number * s->ticks);
        put32(packet + 8, s->ssrc);
        memcpy(packet + HEADER, s->payloads.bytes + s->payloads.offsets[at], length);
        length += HEADER;
    }
    s->sent_number++;
    if ((s->begin + number) % PACKETS_BETWEEN_MARKS == PACKETS_BETWEEN_MARKS - 1) {
        if (s->mark_count == s->mark_room) {
            s->mark_room = s->mark_room ? s->mark_room * 2 : 256;
            s->marks = room_for(s->marks, s->mark_room * sizeof *s->marks);
        }
        s->marks[s->mark_count++] = clock_ns(CLOCK_REALTIME);
    }
    if (send(s->fd, from, length, 0) == (ssize_t)length) s->packets_sent++;
}

static void keep(struct stream *s, const uint8_t *packet, uint32_t length, int64_t ns) {
    if (length <= HEADER || (packet[1] & 0x7F) != s->payload_type) return;
    if (s->received_bytes + length + 12 > s->received_room) {
        s->received_room = s->received_room ? s->received_room * 2 : 1 << 16;
        s->received = room_for(s->received, s->received_room);
    }
    uint8_t *at = s->received + s->received_bytes;
    memcpy(at, &ns, 8);
    memcpy(at + 8, &length, 4);
    memcpy(at + 12, packet, length);
    s->received_bytes += length + 12;
}

static void collect(struct stream *s) {
    uint8_t packets[BATCH][MAX_PACKET], control[BATCH][64];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], MAX_PACKET};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1,
                                                  .msg_control = control[i], .msg_controllen = 64};
        }
        int n = recvmmsg(s->fd, messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++) {
            struct cmsghdr *m = CMSG_FIRSTHDR(&messages[i].msg_hdr);
            struct timespec t;
            if (!m) continue;
            memcpy(&t, CMSG_DATA(m), sizeof t);
            keep(s, packets[i], messages[i].msg_len, t.tv_sec * 1000000000LL + t.tv_nsec);
        }
        if (n < BATCH) return;
    }
}

static void serve_slot(struct load *load, int64_t late_ns, int measuring) {
    int slot = load->slot % SLOTS, period = load->slot / SLOTS % PERIODS_BETWEEN_READS, any = 0, nth = 0;
    for (uint32_t i = 0; i < load->count; i++) {
        struct stream *s = &load->streams[i];
        if (s->slot != slot) continue;
        any = 1;
        if (s->sending) send_one(s);
    }
    for (uint32_t i = 0; i < load->count; i++)
        if (load->streams[i].slot == slot && nth++ % PERIODS_BETWEEN_READS == period) collect(&load->streams[i]);
    if (!any || !measuring) return;
    if (load->lateness_count == load->lateness_room) {
        load->lateness_room = load->lateness_room ? load->lateness_room * 2 : 4096;
        load->lateness_ms = room_for(load->lateness_ms, load->lateness_room * sizeof(double));
    }
    load->lateness_ms[load->lateness_count++] = late_ns / 1e6;
}

/* Serve all slots that fall due within the next so many nanoseconds. */
void load_serve(struct load *load, int64_t for_ns, int measuring) {
    int64_t until = clock_ns(CLOCK_MONOTONIC) + for_ns;
    for (;;) {
        int64_t due = load->begin_ns + load->slot * SLOT_NS, now = clock_ns(CLOCK_MONOTONIC);
        if (due >= until) return;
        if (now < due) {
            struct timespec t = {due / 1000000000LL, due % 1000000000LL};
            while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {}
            now = clock_ns(CLOCK_MONOTONIC);
        }
        serve_slot(load, now - due, measuring);
        load->slot++;
        if (now >= until) return; /* late: let the caller look after its calls, too */
    }
}

void load_collect_all(struct load *load) {
    for (uint32_t i = 0; i < load->count; i++) collect(&load->streams[i]);
}

const uint8_t *load_received(struct load *load, uint32_t stream, uint64_t *bytes) {
    *bytes = load->streams[stream].received_bytes;
    return load->streams[stream].received;
}

const int64_t *load_marks(struct load *load, uint32_t stream, uint32_t *count, uint32_t *packets_sent) {
    *count = load->streams[stream].mark_count;
    *packets_sent = load->streams[stream].packets_sent;
    return load->streams[stream].marks;
}

const double *load_lateness(struct load *load, uint32_t *count) {
    *count = load->lateness_count;
    return load->lateness_ms;
}

void load_free(struct load *load) {
    for (uint32_t i = 0; i < load->count; i++) free(load->streams[i].received), free(load->streams[i].marks);
    free(load->streams);
    free(load->lateness_ms);
    free(load);
}
