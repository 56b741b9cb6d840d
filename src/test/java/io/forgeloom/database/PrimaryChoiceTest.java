package io.forgeloom.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.database.PrimaryChoice.Candidate;
import io.forgeloom.internal.pg.RoleFacts;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PrimaryChoiceTest {

    private static final long CLUSTER = 7;

    private static Candidate standby(String name) {
        return new Candidate(name, new RoleFacts(true, false, 0, CLUSTER, started(name)), null);
    }

    private static Candidate primary(String name, long timeline) {
        return primary(name, timeline, null);
    }

    private static Candidate primary(String name, long timeline, @Nullable String problem) {
        return new Candidate(name, new RoleFacts(false, false, timeline, CLUSTER, started(name)), problem);
    }

    private static Candidate silent(String name) {
        return new Candidate(name, null, "no answer");
    }

    private static Instant started(String name) {
        return Instant.ofEpochSecond(name.charAt(0));
    }

    private static PrimaryChoice choose(int current, long highest, Candidate... candidates) {
        return PrimaryChoice.of(List.of(candidates), current, CLUSTER, highest);
    }

    private static String refused(PrimaryChoice choice) {
        return assertInstanceOf(PrimaryChoice.Refuse.class, choice).why();
    }

    @Test
    void theOneThatIsNoStandbyIsFollowed() {
        assertEquals(new PrimaryChoice.Follow(1), choose(-1, 0, standby("a"), primary("b", 1), silent("c")));
    }

    @Test
    void theHigherTimelineWinsWhoeverWasFollowed() {
        assertEquals(new PrimaryChoice.Follow(1), choose(0, 1, primary("a", 1), primary("b", 2)));
        assertEquals(new PrimaryChoice.Follow(0), choose(0, 3, primary("a", 3), primary("b", 2)));
    }

    @Test
    void equalTimelinesRefuseAndNameBoth() {
        String why = refused(choose(0, 2, primary("a", 2), primary("b", 2), standby("c")));
        assertTrue(why.startsWith("a and b both claim"), why);
        assertTrue(why.contains("timeline 2"), why);
    }

    @Test
    void aRivalThatFellSilentAMomentAgoStillCounts() {
        refused(choose(-1, 2, primary("a", 2), primary("b", 2, "no answer")));
    }

    @Test
    void oneServerUnderTwoAddressesIsNoRival() {
        Candidate again = new Candidate("b", primary("a", 2).facts(), null);
        assertEquals(new PrimaryChoice.Follow(1), choose(1, 2, primary("a", 2), again));
        assertEquals(new PrimaryChoice.Follow(0), choose(-1, 0, primary("a", 2), again));
    }

    @Test
    void silenceOfTheFollowedOneIsNoReasonToLeaveIt() {
        assertInstanceOf(PrimaryChoice.Stay.class, choose(0, 1, silent("a"), standby("b")));
        assertInstanceOf(PrimaryChoice.Stay.class, choose(0, 1, primary("a", 1, "no answer"), standby("b")));
        assertEquals(new PrimaryChoice.Follow(1), choose(0, 1, primary("a", 1, "no answer"), primary("b", 2)));
    }

    @Test
    void aStandbyThatWasFollowedIsLeft() {
        String why = refused(choose(0, 1, standby("a"), silent("b")));
        assertEquals("none of 2 servers takes writes: a (a standby), b (no answer)", why);
    }

    @Test
    void aTimelineThatWasOvertakenIsNeverGoneBackTo() {
        String why = refused(choose(-1, 2, primary("a", 1), silent("b")));
        assertTrue(why.contains("a (timeline 1, behind timeline 2)"), why);
        assertInstanceOf(PrimaryChoice.Stay.class, choose(1, 2, primary("a", 1), silent("b")));
    }

    @Test
    void aServerThatIsReadOnlyByDefaultTakesNoWritesButItsTimelineCounts() {
        Candidate fenced = new Candidate("b", new RoleFacts(false, true, 2, CLUSTER, started("b")), null);
        String why = refused(choose(-1, 0, primary("a", 1), fenced));
        assertTrue(why.contains("default_transaction_read_only"), why);
    }

    @Test
    void aServerOfAnotherClusterIsNeverFollowed() {
        Candidate foreign = new Candidate("b", new RoleFacts(false, false, 9, 8, started("b")), null);
        assertEquals(new PrimaryChoice.Follow(0), choose(0, 1, primary("a", 1), foreign));
        String why = refused(choose(-1, 1, standby("a"), foreign));
        assertTrue(why.contains("system identifier 8, not 7"), why);
    }
}
