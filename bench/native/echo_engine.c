/* The media side of a voice engine that returns what it hears: WebSocket (RFC 6455) with or without TLS.
 *
 *     echo_engine [CERTIFICATE.pem KEY.pem]
 *
 * Prints `port N`, serves until standard input ends, and then prints a line for each mark that it heard:
 * `mark PATH NUMBER NANOSECONDS`, the wall clock's time at which the kernel had received the frame with the
 * mark's onset, and the onset's place within that frame added. Without TLS that is the kernel's own stamp.
 * Marks are understood at 8 kHz only; see bench/markers.py. One thread, one epoll, no limits worth the name:
 * for measurements on a loopback.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER 65536
#define LOUD 8000
#define QUIET_SAMPLES 200
#define CELL 16
#define CELLS 10

struct connection {
    int fd, upgraded, accepted;
    SSL *tls;
    char path[128];
    unsigned char in[BUFFER], out[BUFFER];
    size_t have, pending;
    int quiet, at; /* samples since the last loud one; samples of the mark so far, or -1 */
    long level[CELLS];
    int64_t onset_ns;
};

struct heard { char path[128]; int number; int64_t ns; };
static struct heard *marks;
static size_t mark_count, mark_room;
static SSL_CTX *tls_context;
static int poller;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void keep_mark(struct connection *c) {
    int number = 0, parity = 0;
    for (int cell = 1; cell < CELLS; cell++) {
        int on = c->level[cell] / 8 >= LOUD;
        if (cell <= 8) { number |= on << (cell - 1); parity ^= on; }
        else if (parity != on) return;
    }
    if (mark_count == mark_room) {
        mark_room = mark_room ? mark_room * 2 : 4096;
        marks = realloc(marks, mark_room * sizeof *marks);
        if (!marks) exit(1);
    }
    memcpy(marks[mark_count].path, c->path, sizeof c->path);
    marks[mark_count].number = number;
    marks[mark_count++].ns = c->onset_ns;
}

static void listen_for_marks(struct connection *c, const unsigned char *audio, size_t bytes, int64_t ns) {
    for (size_t i = 0; i + 1 < bytes; i += 2) {
        int sample = abs((int16_t)(audio[i] | audio[i + 1] << 8));
        if (c->at < 0 && sample >= LOUD && c->quiet > QUIET_SAMPLES) {
            c->at = 0;
            memset(c->level, 0, sizeof c->level);
            c->onset_ns = ns + (int64_t)(i / 2) * 125000;
        }
        if (c->at >= 0) {
            if (c->at % CELL >= 4 && c->at % CELL < 12) c->level[c->at / CELL] += sample;
            if (++c->at == CELL * CELLS) { keep_mark(c); c->at = -1; }
        }
        c->quiet = sample >= LOUD ? 0 : c->quiet + 1;
    }
}

static void drop(struct connection *c) {
    if (c->tls) SSL_free(c->tls);
    close(c->fd);
    free(c);
}

static void watch(struct connection *c, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &e);
}

static void flush(struct connection *c) {
    while (c->pending) {
        ssize_t n = c->tls ? SSL_write(c->tls, c->out, (int)c->pending)
                           : send(c->fd, c->out, c->pending, MSG_NOSIGNAL);
        if (n <= 0) { watch(c, EPOLLIN | EPOLLOUT); return; }
        memmove(c->out, c->out + n, c->pending - n);
        c->pending -= n;
    }
}

static void put(struct connection *c, const void *bytes, size_t n) {
    if (c->pending + n > BUFFER) return; /* nobody reads: what does not fit is lost, as audio may be */
    memcpy(c->out + c->pending, bytes, n);
    c->pending += n;
}

static void frame(struct connection *c, int kind, const unsigned char *data, size_t n) {
    unsigned char head[4] = {0x80 | kind, n < 126 ? n : 126, n >> 8, n};
    if (c->pending + n + 4 > BUFFER) return;
    put(c, head, n < 126 ? 2 : 4);
    put(c, data, n);
}

static int upgrade(struct connection *c) {
    char *text = (char *)c->in, *end, *key, reply[256];
    unsigned char digest[20], encoded[32];
    if (c->have >= BUFFER) return -1;
    text[c->have] = 0;
    if (!(end = strstr(text, "\r\n\r\n"))) return 0;
    if (sscanf(text, "GET %127s", c->path) != 1 || !(key = strcasestr(text, "sec-websocket-key:"))) return -1;
    key += 18 + strspn(key + 18, " ");
    snprintf(reply, sizeof reply, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r"), key);
    SHA1((unsigned char *)reply, strlen(reply), digest);
    EVP_EncodeBlock(encoded, digest, 20);
    int n = snprintf(reply, sizeof reply,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n", encoded);
    put(c, reply, n);
    c->upgraded = 1;
    c->have -= end + 4 - text;
    memmove(c->in, end + 4, c->have);
    return 1;
}

/* All whole frames; -1 when the connection is to be closed. */
static int serve_frames(struct connection *c, int64_t ns) {
    size_t at = 0;
    int over = 0;
    while (c->have - at >= 6) {
        unsigned char *p = c->in + at;
        size_t n = p[1] & 0x7F, head = 2;
        if (!(p[1] & 0x80) || n == 127) return -1; /* clients mask, and no frame is that long */
        if (n == 126) { n = p[2] << 8 | p[3]; head = 4; }
        if (n + 8 > BUFFER) return -1;
        if (c->have - at < head + 4 + n) break;
        unsigned char *mask = p + head, *data = mask + 4;
        for (size_t i = 0; i < n; i++) data[i] ^= mask[i & 3];
        int kind = p[0] & 0x0F;
        if (kind == 2) { listen_for_marks(c, data, n, ns); frame(c, 2, data, n); }
        else if (kind == 9) frame(c, 10, data, n);
        else if (kind == 8) { frame(c, 8, data, n); over = 1; }
        at += head + 4 + n;
    }
    c->have -= at;
    memmove(c->in, c->in + at, c->have);
    flush(c);
    return over ? -1 : 0;
}

static ssize_t read_plain(struct connection *c, int64_t *ns) {
    char control[64];
    struct iovec part = {c->in + c->have, BUFFER - 1 - c->have};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(c->fd, &message, 0);
    for (struct cmsghdr *m = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; m; m = CMSG_NXTHDR(&message, m))
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(m), sizeof t);
            if (t.tv_sec) *ns = t.tv_sec * 1000000000LL + t.tv_nsec;
        }
    return n;
}

static int readable(struct connection *c) {
    for (;;) {
        int64_t ns = now_ns();
        if (c->have >= BUFFER - 1) return -1;
        ssize_t n;
        if (c->tls) {
            if (!c->accepted) {
                int done = SSL_accept(c->tls);
                if (done != 1) {
                    int why = SSL_get_error(c->tls, done);
                    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
                }
                c->accepted = 1;
            }
            n = SSL_read(c->tls, c->in + c->have, (int)(BUFFER - 1 - c->have));
            if (n <= 0) return SSL_get_error(c->tls, (int)n) == SSL_ERROR_WANT_READ ? 0 : -1;
        } else {
            n = read_plain(c, &ns);
            if (n <= 0) return n < 0 && errno == EAGAIN ? 0 : -1;
        }
        c->have += n;
        if (!c->upgraded) {
            int done = upgrade(c);
            if (done < 0) return -1;
            flush(c);
            if (!done) continue;
        }
        if (serve_frames(c, ns) < 0) return -1;
        if (!c->tls) return 0; /* level-triggered: what is left is told again */
    }
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c) exit(1);
        c->fd = fd;
        c->at = -1;
        c->quiet = QUIET_SAMPLES + 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        if (tls_context) {
            c->tls = SSL_new(tls_context);
            SSL_set_fd(c->tls, fd);
        }
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3) {
        tls_context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(tls_context, argv[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls_context, argv[2], SSL_FILETYPE_PEM) != 1) {
            fprintf(stderr, "cannot read %s or %s\n", argv[1], argv[2]);
            return 1;
        }
        SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    poller = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener}, ready[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e);
    e.data.ptr = NULL;
    epoll_ctl(poller, EPOLL_CTL_ADD, 0, &e);
    for (;;) {
        int n = epoll_wait(poller, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (!c) {
                char ignored[64];
                if (read(0, ignored, sizeof ignored) > 0) continue;
                for (size_t m = 0; m < mark_count; m++)
                    printf("mark %s %d %lld\n", marks[m].path, marks[m].number, (long long)marks[m].ns);
                return 0;
            }
            if ((void *)c == (void *)&listener) { accept_all(listener); continue; }
            if (ready[i].events & EPOLLOUT) { watch(c, EPOLLIN); flush(c); }
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && readable(c) < 0) drop(c);
        }
    }
}
