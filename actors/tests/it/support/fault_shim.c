/*
 * Job:   makes reads, writes and syncs of chosen files fail, wait or lie, as a full, slow or dying disk does.
 * Owns:  the functions of the C library through which SQLite and Rust read and write.
 * Never: changes anything while the control file is not there.
 *
 * The control file ($FAULT_CONTROL) holds one line:
 *   "<ENOSPC|EIO|HOLD> <write|sync> <end of the path>"   the call fails, or waits until the line has gone;
 *   "ONCE <write|sync> <end of the path>"                one call fails with EIO, and takes the line with it;
 *   "LIE <offset> <end of the path>"                     the page cache shows another byte there than the disk has,
 *                                                        until the page has been dropped from it;
 *   "SHORT <n> <end of the path>"                        the n-th write goes out by half, and says so;
 *   "CHOKE <n> <end of the path>"                        the same, and there is no room for the one after it.
 *
 * The journal ($FAULT_JOURNAL), if there is one, gets a line for each call:
 *   "<write|sync|cut> <ok|held|short|error> <offset> <path>".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096, LINE_LENGTH = 256, PAGE = 4096, HOLD = -1, TICK_US = 1000 };

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static void path_of(int fd, char path[PATH_LENGTH + 1])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_LENGTH);
    path[length > 0 ? length : 0] = '\0';
}

/* The three words of the control file, if its last one is the end of the path of `fd`. */
static int control(int fd, char first[16], char second[16])
{
    const char *name = getenv("FAULT_CONTROL");
    char line[LINE_LENGTH + 1], suffix[LINE_LENGTH + 1], path[PATH_LENGTH + 1];
    int file;

    if (name == NULL || (file = open(name, O_RDONLY | O_CLOEXEC)) < 0)
        return 0;
    ssize_t length = syscall(SYS_read, file, line, LINE_LENGTH);
    close(file);
    line[length > 0 ? length : 0] = '\0';
    if (sscanf(line, "%15s %15s %256s", first, second, suffix) != 3)
        return 0;
    path_of(fd, path);
    return ends_with(path, suffix);
}

static void note(const char *operation, const char *result, long long at, int fd)
{
    const char *name = getenv("FAULT_JOURNAL");
    char line[PATH_LENGTH + LINE_LENGTH], path[PATH_LENGTH + 1];
    int file;

    if (name == NULL || (file = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) < 0)
        return;
    path_of(fd, path);
    int length = snprintf(line, sizeof line, "%s %s %lld %s\n", operation, result, at, path);
    syscall(SYS_write, file, line, (size_t)length);
    close(file);
}

/* The error that `operation` on `fd` has to end with, 0 for none. Waits as long as it has to. Keeps errno. */
static int fault(const char *operation, long long at, int fd)
{
    char kind[16], wanted[16];
    int before = errno, number = 0, is_noted = 0;

    for (;;) {
        number = 0;
        if (control(fd, kind, wanted) && strcmp(wanted, operation) == 0)
            number = strcmp(kind, "HOLD") == 0 ? HOLD : strcmp(kind, "ENOSPC") == 0 ? ENOSPC : EIO;
        if (number != HOLD)
            break;
        if (!is_noted)
            note(operation, "held", at, fd);
        is_noted = 1;
        usleep(TICK_US);
    }
    if (number == EIO && strcmp(kind, "ONCE") == 0)
        unlink(getenv("FAULT_CONTROL"));
    errno = before;
    return number;
}

/* Whether the page at `at` is in the page cache. */
static int is_cached(int fd, long long at)
{
    unsigned char resident = 0;
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, at / PAGE * PAGE);
    if (page == MAP_FAILED)
        return 0;
    mincore(page, PAGE, &resident);
    munmap(page, PAGE);
    return resident & 1;
}

/* Where the cache lies about the file behind `fd`, -1 for nowhere. A page that was dropped is read from the disk. */
static long long lie_of(int fd)
{
    static long long cured = -1;
    char kind[16], offset[16];
    int before = errno;
    long long at = -1;

    if (control(fd, kind, offset) && strcmp(kind, "LIE") == 0 && (fcntl(fd, F_GETFL) & O_DIRECT) == 0) {
        at = atoll(offset);
        if (at != cured && !is_cached(fd, at))
            cured = at;
    }
    errno = before;
    return at == cured ? -1 : at;
}

static void tell(long long lie, char *data, ssize_t size, long long at)
{
    if (lie >= at && size > 0 && lie < at + size)
        data[lie - at] ^= 1;
}

/* How many of `size` bytes there is room for. Only writes of more than one byte are counted: they can be cut. */
static size_t room_for(int fd, size_t size)
{
    static long count;
    char kind[16], wanted[16];
    int before = errno;
    size_t room = size;

    if (size > 1 && control(fd, kind, wanted) && (strcmp(kind, "SHORT") == 0 || strcmp(kind, "CHOKE") == 0)) {
        long number = __atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST), nth = atol(wanted);
        if (number == nth)
            room = size / 2;
        else if (number == nth + 1 && strcmp(kind, "CHOKE") == 0)
            room = 0;
    }
    errno = before;
    return room;
}

#define ORIGINAL(result, name, parameters)                                 \
    static result(*original) parameters;                                   \
    if (original == NULL)                                                  \
        original = (result(*) parameters)dlsym(RTLD_NEXT, #name);

/* Defines `name`, which does what the C library's does unless `operation` has to fail, and says so in the journal. */
#define WRAP(result, name, operation, at, parameters, arguments)           \
    result name parameters                                                 \
    {                                                                      \
        ORIGINAL(result, name, parameters)                                 \
        int number = fault(operation, at, fd);                             \
        if (number != 0) {                                                 \
            note(operation, "error", at, fd);                              \
            errno = number;                                                \
            return -1;                                                     \
        }                                                                  \
        result answer = original arguments;                                \
        int after = errno;                                                 \
        note(operation, answer < 0 ? "error" : "ok", at, fd);              \
        errno = after;                                                     \
        return answer;                                                     \
    }

/* The same for a write, which may be cut short. */
#define WRAP_WRITE(name, at, parameters, arguments)                        \
    ssize_t name parameters                                                \
    {                                                                      \
        ORIGINAL(ssize_t, name, parameters)                                \
        int number = fault("write", at, fd);                               \
        size_t room = number == 0 ? room_for(fd, size) : size;             \
        if (room == 0 && size > 0)                                         \
            number = ENOSPC;                                               \
        if (number != 0) {                                                 \
            note("write", "error", at, fd);                                \
            errno = number;                                                \
            return -1;                                                     \
        }                                                                  \
        const char *done = room < size ? "short" : "ok";                   \
        size = room;                                                       \
        ssize_t answer = original arguments;                               \
        int after = errno;                                                 \
        note("write", answer < 0 ? "error" : done, at, fd);                \
        errno = after;                                                     \
        return answer;                                                     \
    }

WRAP_WRITE(write, -1, (int fd, const void *data, size_t size), (fd, data, size))
WRAP_WRITE(pwrite, at, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP_WRITE(pwrite64, at, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP(int, ftruncate, "cut", length, (int fd, off_t length), (fd, length))
WRAP(int, ftruncate64, "cut", length, (int fd, off64_t length), (fd, length))
WRAP(int, fsync, "sync", -1, (int fd), (fd))
WRAP(int, fdatasync, "sync", -1, (int fd), (fd))

/* Defines `name`, which reads as the C library's does, but through a cache that may lie. */
#define WRAP_READ(name, offset)                                            \
    ssize_t name(int fd, void *data, size_t size, offset at)               \
    {                                                                      \
        ORIGINAL(ssize_t, name, (int, void *, size_t, offset))             \
        long long lie = lie_of(fd);                                        \
        ssize_t answer = original(fd, data, size, at);                     \
        tell(lie, data, answer, at);                                       \
        return answer;                                                     \
    }

WRAP_READ(pread, off_t)
WRAP_READ(pread64, off64_t)
