package io.forgeloom.testing.demo;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.jspecify.annotations.Nullable;

/**
 * What happened, from the script and from the log of the library: collected by any thread, shown by one. While this is
 * open the library's log comes here instead of to the terminal, where it would tear the view. Safe for use by many
 * threads.
 */
final class Events implements AutoCloseable {

    /**
     * One thing that happened.
     *
     * @param atNanos since the load began
     * @param fromLog whether the library logged it
     */
    record Event(long atNanos, boolean fromLog, String text) {}

    private static final List<String> LOGGERS = List.of("io.forgeloom", "org.postgresql");

    private final Outage clock;
    private final Queue<Event> unread = new ConcurrentLinkedQueue<>();
    private final Handler handler = new LogHandler();

    // Held, or the configuration of a logger goes with the garbage.
    private final List<Logger> loggers = LOGGERS.stream().map(Logger::getLogger).toList();

    Events(Outage clock) {
        this.clock = clock;
        for (Logger logger : loggers) {
            logger.setUseParentHandlers(false);
            logger.addHandler(handler);
        }
    }

    void add(String text) {
        unread.add(new Event(clock.elapsedNanos(), false, text));
    }

    /** The next one that was not taken yet, or null. */
    @Nullable
    Event poll() {
        return unread.poll();
    }

    /** Gives the log back. */
    @Override
    public void close() {
        for (Logger logger : loggers) {
            logger.removeHandler(handler);
            logger.setUseParentHandlers(true);
        }
    }

    private final class LogHandler extends Handler {

        private final SimpleFormatter formatter = new SimpleFormatter();

        LogHandler() {
            setLevel(Level.INFO);
        }

        @Override
        public void publish(LogRecord entry) {
            if (isLoggable(entry)) {
                unread.add(new Event(clock.elapsedNanos(), true, formatter.formatMessage(entry)));
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }
}
