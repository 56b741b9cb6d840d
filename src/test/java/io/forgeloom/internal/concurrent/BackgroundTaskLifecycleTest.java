package io.forgeloom.internal.concurrent;

import java.time.Duration;
import java.util.concurrent.ThreadFactory;

class BackgroundTaskLifecycleTest extends LifecycleContract {
    @Override
    protected Lifecycle create(ThreadFactory threads, Witness witness) {
        return new BackgroundTask("forgeloom-test", threads, stopRequested -> {
            witness.enter();
            try {
                while (!stopRequested.getAsBoolean()) {
                    Thread.sleep(Duration.ofMinutes(1));
                }
            } finally {
                witness.leave();
            }
        });
    }
}
