/*
 * Job:   makes writes and syncs of chosen files fail, as a full or dying disk does.
 * Owns:  the functions of the C library through which SQLite and Rust write.
 * Never: fails anything while the control file is not there.
 *
 * The control file ($FAULT_CONTROL) holds one line: "<ENOSPC|EIO> <write|sync> <end of the path>".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { PATH_LENGTH = 4096, LINE_LENGTH = 256 };

/* The error that `operation` on `fd` has to end with, 0 for none. Keeps errno. */
static int fault(const char *operation, int fd)
{
    const char *control = getenv("FAULT_CONTROL");
    char line[LINE_LENGTH + 1], error[16], wanted[16], suffix[LINE_LENGTH + 1];
    char link[64], path[PATH_LENGTH + 1];
    int before = errno, file, number = 0;
    ssize_t length;

    if (control != NULL && (file = open(control, O_RDONLY | O_CLOEXEC)) >= 0) {
        length = read(file, line, LINE_LENGTH);
        close(file);
        line[length > 0 ? length : 0] = '\0';
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t path_length = readlink(link, path, PATH_LENGTH);
        if (path_length > 0 && sscanf(line, "%15s %15s %256s", error, wanted, suffix) == 3) {
            size_t end = strlen(suffix);
            path[path_length] = '\0';
            if (strcmp(wanted, operation) == 0 && (size_t)path_length >= end &&
                strcmp(path + path_length - end, suffix) == 0)
                number = strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
        }
    }
    errno = before;
    return number;
}

/* Defines `name`, which does what the C library's does unless `operation` has to fail. */
#define WRAP(result, name, operation, parameters, arguments)                       \
    result name parameters                                                         \
    {                                                                              \
        static result(*original) parameters;                                       \
        int number = fault(operation, fd);                                         \
        if (number != 0) {                                                         \
            errno = number;                                                        \
            return -1;                                                             \
        }                                                                          \
        if (original == NULL)                                                      \
            original = (result(*) parameters)dlsym(RTLD_NEXT, #name);              \
        return original arguments;                                                 \
    }

WRAP(ssize_t, write, "write", (int fd, const void *data, size_t size), (fd, data, size))
WRAP(ssize_t, pwrite, "write", (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
WRAP(ssize_t, pwrite64, "write", (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
WRAP(int, fsync, "sync", (int fd), (fd))
WRAP(int, fdatasync, "sync", (int fd), (fd))
