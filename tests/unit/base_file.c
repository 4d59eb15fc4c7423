/* Files: complete transfers, mapping, outputs that appear whole or not at all, locks.
 * SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "check.h"

static char folder[] = "/tmp/plumbline-unit-XXXXXX";
static struct pl_context context;

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check_content(const char *path, const char *expected)
{
    char *bytes;
    size_t size;
    CHECK(!pl_file_load(&context, path, 1000, &bytes, &size));
    CHECK_TEXT(bytes ? bytes : "(none)", expected);
    free(bytes);
}

static int entries(void)
{
    int count = -2;
    DIR *open_folder = opendir(".");
    while (open_folder && readdir(open_folder)) {
        count++;
    }
    closedir(open_folder);
    return count;
}

static mode_t mode_of(const char *path)
{
    struct stat entry;
    return stat(path, &entry) == 0 ? entry.st_mode & 07777 : 0;
}

/* ---- Transfers ---- */

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

/* A writer that sends a few bytes at a time, with pauses and signals in between. */
static pid_t drip(int fd, size_t size)
{
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        for (size_t i = 0; i < size; i++) {
            unsigned char byte = (unsigned char)(i * 7);
            if (write(fd, &byte, 1) != 1) {
                _exit(1);
            }
            if (i % 50 == 0) {
                kill(parent, SIGUSR1);
                usleep(500);
            }
        }
        _exit(0);
    }
    return child;
}

static void short_reads(void)
{
    enum { SIZE = 700 };
    int ends[2];
    unsigned char bytes[SIZE + 100];
    size_t got = 0;
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART */
    sigaction(SIGUSR1, &action, NULL);
    CHECK(pipe(ends) == 0);
    pid_t child = drip(ends[1], SIZE);
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    CHECK(!pl_read_full(&context, ends[0], bytes, 300, &got) && got == 300);
    CHECK(!pl_read_full(&context, ends[0], bytes + 300, SIZE + 100 - 300, &got) &&
          got == SIZE - 300);
    int wrong = 0;
    for (size_t i = 0; i < SIZE; i++) {
        wrong += bytes[i] != (unsigned char)(i * 7);
    }
    CHECK(wrong == 0);
    CHECK(!pl_read_full(&context, ends[0], bytes, 10, &got) && got == 0);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static void short_writes(void)
{
    enum { SIZE = 300000 };
    int ends[2];
    CHECK(pipe(ends) == 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pid_t child = fork();
    if (child == 0) {
        close(ends[1]);
        unsigned char bytes[1000];
        ssize_t count;
        size_t total = 0;
        while ((count = read(ends[0], bytes, sizeof bytes)) > 0) {
            for (ssize_t i = 0; i < count; i++, total++) {
                if (bytes[i] != (unsigned char)(total * 7)) {
                    _exit(1);
                }
            }
        }
        _exit(total != SIZE);
    }
    close(ends[0]);
    unsigned char *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = (unsigned char)(i * 7);
    }
    CHECK(!pl_write_full(&context, ends[1], bytes, SIZE));
    close(ends[1]);
    int status;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    free(bytes);
}

static void failing_transfers(void)
{
    char byte = 0;
    size_t got;
    CHECK(pl_read_full(&context, -1, &byte, 1, &got) == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot read: Bad file descriptor");
    int full = open("/dev/full", O_WRONLY);
    CHECK(pl_write_full(&context, full, &byte, 1) == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write: No space left on device");
    close(full);
}

/* ---- Inputs ---- */

static void inputs(void)
{
    struct pl_file file;
    put_file("data", "hello");
    CHECK(!pl_file_open(&context, &file, "data", true));
    CHECK(file.regular && file.size == 5 && file.start == 0 && memcmp(file.map, "hello", 5) == 0);
    CHECK_TEXT(file.name, "data");
    pl_file_close(&file);
    pl_file_close(&file);
    CHECK(!pl_file_open(&context, &file, "data", false) && file.regular && !file.map);
    pl_file_close(&file);
    put_file("empty", "");
    CHECK(!pl_file_open(&context, &file, "empty", true) && !file.map && file.size == 0);
    pl_file_close(&file);
    CHECK(!pl_file_open(&context, &file, "/dev/null", true) && !file.regular);
    pl_file_close(&file);
    CHECK(pl_file_open(&context, &file, "x", true) == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot open 'x': No such file or directory");
    pl_file_close(&file);
    CHECK(pl_file_open(&context, &file, ".", true) == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot open '.': Is a directory");
}

static void standard_input(void)
{
    struct pl_file file;
    int saved = dup(STDIN_FILENO), data = open("data", O_RDONLY);
    lseek(data, 2, SEEK_SET);
    dup2(data, STDIN_FILENO);
    close(data);
    CHECK(!pl_file_open(&context, &file, NULL, true));
    CHECK(file.fd == STDIN_FILENO && file.regular && file.start == 2 && file.size == 5);
    CHECK_TEXT(file.name, "standard input");
    pl_file_close(&file);
    CHECK(lseek(STDIN_FILENO, 100, SEEK_SET) == 100);
    CHECK(!pl_file_open(&context, &file, "-", true) && file.start == 5);
    pl_file_close(&file);
    lseek(STDIN_FILENO, 2, SEEK_SET);
    check_content("-", "llo");
    dup2(saved, STDIN_FILENO);
    close(saved);
}

static void loads(void)
{
    char *bytes;
    size_t size;
    CHECK(!pl_file_load(&context, "data", 5, &bytes, &size) && size == 5);
    CHECK_TEXT(bytes, "hello");
    free(bytes);
    CHECK(pl_file_load(&context, "data", 4, &bytes, &size) == PL_BAD_DATA && !bytes);
    CHECK_TEXT(context.message, "data: longer than 4 bytes");
    CHECK(!pl_file_load(&context, "empty", 5, &bytes, &size) && size == 0 && *bytes == '\0');
    free(bytes);
    CHECK(pl_file_load(&context, "/dev/zero", 1 << 20, &bytes, &size) == PL_BAD_DATA);
    CHECK_TEXT(context.message, "/dev/zero: longer than 1048576 bytes");
    CHECK(!pl_file_load(&context, "/proc/self/status", 1 << 20, &bytes, &size) && size > 0);
    free(bytes);
    CHECK(pl_file_load(&context, ".", 5, &bytes, &size) == PL_SYSTEM && !bytes);
}

static void temporary_file(void)
{
    int fd, before = entries();
    char byte;
    setenv("PLUMBLINE_TMPDIR", ".", 1);
    CHECK(!pl_file_temporary(&context, &fd) && entries() == before);
    CHECK(pwrite(fd, "x", 1, 0) == 1 && pread(fd, &byte, 1, 0) == 1 && byte == 'x');
    close(fd);
    setenv("PLUMBLINE_TMPDIR", "/nowhere", 1);
    CHECK(pl_file_temporary(&context, &fd) == PL_SYSTEM);
    CHECK_TEXT(context.message,
               "cannot make a temporary file in '/nowhere' (set PLUMBLINE_TMPDIR): "
               "No such file or directory");
    unsetenv("PLUMBLINE_TMPDIR");
}

/* ---- Outputs ---- */

static enum pl_status write_output(const char *path, const char *text)
{
    struct pl_output output;
    enum pl_status status = pl_output_open(&context, &output, path);
    if (!status) {
        status = pl_write_full(&context, output.fd, text, strlen(text));
    }
    if (!status) {
        status = pl_output_commit(&context, &output);
    }
    pl_output_abort(&output);
    return status;
}

static void new_output(void)
{
    int before = entries();
    umask(027);
    struct pl_output output;
    CHECK(!pl_output_open(&context, &output, "new"));
    CHECK(access("new", F_OK) != 0 && entries() == before + 1);
    CHECK(!pl_write_full(&context, output.fd, "text", 4));
    CHECK(!pl_output_commit(&context, &output));
    pl_output_abort(&output);
    check_content("new", "text");
    CHECK(mode_of("new") == 0640 && entries() == before + 1);
    umask(022);
}

static void replaced_output(void)
{
    int before = entries();
    put_file("old", "old");
    chmod("old", 0604);
    struct pl_output output;
    CHECK(!pl_output_open(&context, &output, "old"));
    CHECK(!pl_write_full(&context, output.fd, "new", 3));
    check_content("old", "old");
    pl_output_abort(&output);
    pl_output_abort(&output);
    check_content("old", "old");
    CHECK(entries() == before + 1);
    CHECK(!write_output("old", "new"));
    check_content("old", "new");
    CHECK(mode_of("old") == 0604 && entries() == before + 1);
}

static void linked_outputs(void)
{
    char target[16] = "";
    CHECK(mkdir("sub", 0777) == 0 && symlink("sub/target", "link") == 0);
    CHECK(symlink("link", "link2") == 0 && symlink("loop", "loop") == 0);
    CHECK(!write_output("link2", "through"));
    check_content("sub/target", "through");
    CHECK(!write_output("link2", "again"));
    check_content("sub/target", "again");
    CHECK(readlink("link", target, sizeof target - 1) == 10);
    CHECK_TEXT(target, "sub/target");
    CHECK(write_output("loop", "") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'loop': Too many levels of symbolic links");
}

static void direct_outputs(void)
{
    int before = entries();
    CHECK(mkfifo("fifo", 0666) == 0);
    pid_t child = fork();
    if (child == 0) {
        char bytes[8];
        int fd = open("fifo", O_RDONLY);
        _exit(read(fd, bytes, sizeof bytes) != 4);
    }
    CHECK(!write_output("fifo", "pipe"));
    int status;
    waitpid(child, &status, 0);
    CHECK(status == 0 && entries() == before + 1);
    CHECK(!write_output("/dev/null", "gone"));
    CHECK(write_output("/dev/full", "more") == PL_SYSTEM);
    CHECK(access("/dev/full", F_OK) == 0);
}

static void refused_outputs(void)
{
    CHECK(write_output("sub", "") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'sub': Is a directory");
    CHECK(write_output("nowhere/x", "") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'nowhere/x': No such file or directory");
    CHECK(write_output("data/x", "") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'data/x': Not a directory");
    CHECK(write_output("", "") == PL_SYSTEM);
    char name[6000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK(write_output(name, "") == PL_SYSTEM);
    name[300] = '\0';
    CHECK(write_output(name, "") == PL_SYSTEM);
    name[255] = '\0'; /* the longest a name may be: the temporary's must not be longer */
    CHECK(!write_output(name, "long"));
    unlink(name);
    if (geteuid() != 0) {
        chmod("data", 0444);
        CHECK(write_output("data", "") == PL_SYSTEM);
        CHECK_TEXT(context.message, "cannot write 'data': Permission denied");
    }
}

static void standard_output(void)
{
    static const char *const names[] = {NULL, "-", "/dev/stdout"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct pl_output output;
        CHECK(!pl_output_open(&context, &output, names[i]) && output.fd == STDOUT_FILENO);
        CHECK(!pl_output_commit(&context, &output));
        pl_output_abort(&output);
        CHECK(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
    }
}

static void cleanup(void)
{
    struct pl_output outputs[17];
    char name[16];
    int before = entries();
    for (int i = 0; i < 16; i++) {
        snprintf(name, sizeof name, "many%d", i);
        CHECK(!pl_output_open(&context, &outputs[i], name));
    }
    CHECK(pl_output_open(&context, &outputs[16], "many16") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot write 'many16': 16 outputs are open already");
    CHECK(!pl_output_commit(&context, &outputs[0]));
    CHECK(entries() == before + 16);
    pl_output_cleanup(); /* as a signal handler would */
    CHECK(entries() == before + 1);
    for (int i = 0; i < 16; i++) {
        pl_output_abort(&outputs[i]);
    }
    CHECK(entries() == before + 1 && access("many0", F_OK) == 0);
}

/* ---- Locks ---- */

static void locks(void)
{
    int ready[2], done[2];
    char byte;
    CHECK(pipe(ready) == 0 && pipe(done) == 0);
    pid_t child = fork();
    if (child == 0) {
        int status = pl_lock_take(&context, "lock");
        status |= write(ready[1], "x", 1) != 1;
        status |= read(done[0], &byte, 1) != 1;
        _exit(status);
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(pl_lock_take(&context, "lock") == PL_LOCKED);
    CHECK_TEXT(context.message, "lock 'lock' is held by another process");
    CHECK(write(done[1], "x", 1) == 1);
    int status;
    waitpid(child, &status, 0);
    CHECK(status == 0);
    CHECK(!pl_lock_take(&context, "lock"));
    CHECK(pl_lock_take(&context, "nowhere/lock") == PL_SYSTEM);
    CHECK_TEXT(context.message, "cannot open lock 'nowhere/lock': No such file or directory");
}

int main(void)
{
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        return 1;
    }
    RUN(short_reads);
    RUN(short_writes);
    RUN(failing_transfers);
    RUN(inputs);
    RUN(standard_input);
    RUN(loads);
    RUN(temporary_file);
    RUN(new_output);
    RUN(replaced_output);
    RUN(linked_outputs);
    RUN(direct_outputs);
    RUN(refused_outputs);
    RUN(standard_output);
    RUN(cleanup);
    RUN(locks);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (chdir("/") != 0 || system(command) != 0) {
        return 1;
    }
    FINISH();
}
