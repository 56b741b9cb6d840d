package io.forgeloom.notify;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which feed gets what is sent to which channel. The bus's thread looks up and publishes without a lock; who subscribes
 * replaces a channel's array as a whole. A feed that belongs to several channels is in the array of each, so that one
 * subscriber sees them in the order of commits. Safe for use by many threads, {@link #publish}, {@link #gap} and
 * {@link #flush} by the bus's thread alone.
 */
final class Channels {

    private static final Feed[] NONE = {};

    /** One channel. */
    private static final class Channel {

        /** Replaced under the lock. */
        private volatile Feed[] feeds = NONE;

        /** The feed that all streams of one buffer share; guarded by the lock. */
        private final Map<Integer, DeliveryRing> rings = new LinkedHashMap<>();
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Channel> channels = new ConcurrentHashMap<>();

    /** In the order in which they were added; replaced under the lock. */
    private volatile Set<String> names = Set.of();

    /** Guarded by the lock; set once. */
    private @Nullable Closed closed;

    /** What was published since the last flush; the bus's thread alone. */
    private final Set<Feed> dirty = new LinkedHashSet<>();

    /** The last of those, which is mostly the next one as well. */
    private @Nullable Feed lastDirty;

    /** All channels, in the order in which they were added. */
    Set<String> names() {
        return names;
    }

    /** Adds what is not there yet. Returns whether there was any. */
    boolean add(List<String> added) {
        lock.lock();
        try {
            Set<String> all = new LinkedHashSet<>(names);
            boolean changed = all.addAll(added);
            added.forEach(name -> channels.computeIfAbsent(name, key -> new Channel()));
            names = Collections.unmodifiableSet(all);
            return changed;
        } finally {
            lock.unlock();
        }
    }

    /** A reader of a stream or a signal of channels that are known, whose first element is {@code first}. */
    Subscription subscribe(List<String> wanted, SubscriptionOptions options, Gap first) {
        lock.lock();
        try {
            return switch (options) {
                case SubscriptionOptions.Signal signal -> {
                    SignalCell cell = attach(new SignalCell(first), wanted);
                    yield new Subscription(wanted, cell, () -> detach(cell, wanted));
                }
                case SubscriptionOptions.Stream stream
                when wanted.size() == 1 -> {
                    // It stays for the next one.
                    DeliveryRing shared = sharedRing(wanted.getFirst(), stream.buffer());
                    yield new Subscription(wanted, shared.reader(first), () -> {});
                }
                case SubscriptionOptions.Stream stream -> {
                    DeliveryRing own = attach(new DeliveryRing(stream.buffer()), wanted);
                    yield new Subscription(wanted, own.reader(first), () -> detach(own, wanted));
                }
            };
        } finally {
            lock.unlock();
        }
    }

    private DeliveryRing sharedRing(String name, int buffer) {
        Map<Integer, DeliveryRing> rings = channel(name).rings;
        DeliveryRing ring = rings.get(buffer);
        if (ring == null) {
            ring = attach(new DeliveryRing(buffer), List.of(name));
            rings.put(buffer, ring);
        }
        return ring;
    }

    private <F extends Feed> F attach(F feed, List<String> to) {
        for (String name : to) {
            Channel channel = channel(name);
            Feed[] more = Arrays.copyOf(channel.feeds, channel.feeds.length + 1);
            more[more.length - 1] = feed;
            channel.feeds = more;
        }
        if (closed != null) {
            feed.end(closed);
        }
        return feed;
    }

    private Channel channel(String name) {
        Channel channel = channels.get(name);
        if (channel == null) {
            throw new IllegalStateException("channel " + name + " was not added");
        }
        return channel;
    }

    private void detach(Feed feed, List<String> from) {
        lock.lock();
        try {
            for (String name : from) {
                Channel channel = channel(name);
                channel.feeds = Arrays.stream(channel.feeds)
                        .filter(other -> other != feed)
                        .toArray(Feed[]::new);
            }
        } finally {
            lock.unlock();
        }
    }

    // ---- the bus's thread ----

    void publish(String channel, String payload, int backendPid) {
        Channel to = channels.get(channel);
        if (to == null) {
            return;
        }
        Feed[] feeds = to.feeds;
        if (feeds.length == 0) {
            return;
        }
        Notification notification = new Notification(channel, payload, backendPid);
        for (Feed feed : feeds) {
            feed.publish(notification);
            if (feed != lastDirty) {
                lastDirty = feed;
                dirty.add(feed);
            }
        }
    }

    /** Wakes those for whom something was published. */
    void flush() {
        for (Feed feed : dirty) {
            feed.flush();
        }
        dirty.clear();
        lastDirty = null;
    }

    /** Puts a gap before all that follows, into each feed of these channels once. */
    void gap(Set<String> to, Gap gap) {
        Set<Feed> feeds = new LinkedHashSet<>();
        for (String name : to) {
            Channel channel = channels.get(name);
            if (channel != null) {
                feeds.addAll(Arrays.asList(channel.feeds));
            }
        }
        for (Feed feed : feeds) {
            feed.publish(gap);
            feed.flush();
        }
    }

    /** Nothing follows, for those who subscribe later neither; when the bus's thread has ended. */
    void end(Closed cause) {
        lock.lock();
        try {
            if (closed == null) {
                closed = cause;
                channels.values()
                        .forEach(channel -> Arrays.asList(channel.feeds).forEach(feed -> feed.end(cause)));
            }
        } finally {
            lock.unlock();
        }
    }
}
