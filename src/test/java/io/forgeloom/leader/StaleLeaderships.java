package io.forgeloom.leader;

import java.lang.reflect.Field;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Leaderships by their tokens, as they are and as they would be in a process that does not learn that they are over: these
 * ask the database each time, as one does that was paused between its last look and the deed.
 */
public final class StaleLeaderships {

    private static final long LONG = Long.MAX_VALUE / 2;

    private final Map<LeadershipToken, Leadership> known = new ConcurrentHashMap<>();

    /** Of none yet. */
    StaleLeaderships() {}

    void add(Leadership leadership) {
        known.putIfAbsent(leadership.token(), leadership);
    }

    Leadership get(LeadershipToken token, boolean stale) {
        Leadership leadership = known.get(token);
        if (leadership == null) {
            throw new IllegalArgumentException("never led with " + token);
        }
        return stale ? again(leadership) : leadership;
    }

    /** One that trusts itself for good; once refused it is over as any other. */
    static Leadership unaware(LeaderRole role, LeadershipToken token, Leadership.Fence fence) {
        Leadership.Fence alone = new Leadership.Fence(
                fence.database(), fence.sql(), fence.incarnation(), fence.longest(), (l, why) -> {});
        return new Leadership(role, token, alone, System.nanoTime() + LONG);
    }

    /** The same, before it was refused. */
    public static Leadership again(Leadership leadership) {
        return unaware(leadership.role(), leadership.token(), fenceOf(leadership));
    }

    /** Nothing of the product needs it. */
    private static Leadership.Fence fenceOf(Leadership leadership) {
        try {
            Field field = Leadership.class.getDeclaredField("fence");
            field.setAccessible(true);
            return (Leadership.Fence) field.get(leadership);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("the fence of a leadership", e);
        }
    }
}
