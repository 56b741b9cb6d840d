package io.forgeloom.node;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.Lifecycle;
import io.forgeloom.internal.concurrent.LifecycleContract;
import io.forgeloom.testing.ThreadLeaks;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of all background parts. An incarnation is at work from its first heartbeat to its farewell. */
@ExtendWith(ThreadLeaks.class)
class NodeLifecycleTest extends LifecycleContract {

    @Override
    protected Lifecycle create(ThreadFactory threads, Witness witness) {
        AtomicReference<@Nullable UUID> present = new AtomicReference<>();
        Roll roll = new Roll() {
            @Override
            public Answer beat(UUID incarnation, NodeStatus status, boolean first, Deadline deadline) {
                if (!incarnation.equals(present.getAndSet(incarnation))) {
                    witness.enter();
                }
                return new Answer(true, null, List.of());
            }

            @Override
            public void leave(UUID incarnation, Deadline deadline) {
                if (present.compareAndSet(incarnation, null)) {
                    witness.leave();
                }
            }
        };
        return new NodeLoop("node", NodeConfig.DEFAULTS, roll, threads);
    }
}
