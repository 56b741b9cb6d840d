package io.forgeloom.testing.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A library that lies to a process about the wall clock, and not about the monotonic one, by as many seconds as a file
 * says at that moment. libfaketime would do, but makes a JVM start five times slower. Made by the C compiler of the machine.
 */
final class ClockSkew {

    /** Names the file with the seconds, a native long. */
    static final String VARIABLE = "CHAOS_CLOCK";

    private static final String SOURCE = """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <fcntl.h>
            #include <stdlib.h>
            #include <sys/mman.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>

            static volatile const long *offset;
            static int (*real)(clockid_t, struct timespec *);

            __attribute__((constructor)) static void begin(void) {
                const char *name = getenv("CHAOS_CLOCK");
                int file = name ? open(name, O_RDONLY) : -1;
                if (file >= 0) {
                    void *seconds = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
                    offset = seconds == MAP_FAILED ? 0 : seconds;
                    close(file);
                }
            }

            int clock_gettime(clockid_t clock, struct timespec *time) {
                if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
                int result = real(clock, time);
                if (!result && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                    time->tv_sec += *offset;
                return result;
            }

            int gettimeofday(struct timeval *time, void *zone) {
                struct timespec now;
                int result = clock_gettime(CLOCK_REALTIME, &now);
                time->tv_sec = now.tv_sec;
                time->tv_usec = now.tv_nsec / 1000;
                return result;
            }

            time_t time(time_t *time) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                if (time) *time = now.tv_sec;
                return now.tv_sec;
            }
            """;

    private ClockSkew() {}

    /** Makes the library; null where that is not possible. */
    static @Nullable Path library(Path folder) throws IOException, InterruptedException {
        if (!Files.isDirectory(Path.of("/proc/self"))) {
            // macOS does not let a JVM have such a library.
            return null;
        }
        Path source = Files.writeString(folder.resolve("clock.c"), SOURCE);
        Path library = folder.resolve("clock.so");
        try {
            Process compiler = new ProcessBuilder(List.of(
                            "cc", "-shared", "-fPIC", "-O1", "-o", library.toString(), source.toString(), "-ldl"))
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("clock.log").toFile())
                    .start();
            if (compiler.waitFor(30, TimeUnit.SECONDS) && compiler.exitValue() == 0) {
                return library;
            }
            compiler.destroyForcibly();
        } catch (IOException e) {
            // There is no compiler.
        }
        return null;
    }

    /** From now on the clock of whoever was given the file is off by so many seconds. */
    static void set(Path file, long seconds) {
        // Written in place: a process that has mapped the file would not see another one.
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            ByteBuffer number = ByteBuffer.allocate(8).order(ByteOrder.nativeOrder());
            channel.write(number.putLong(0, seconds), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
