package io.forgeloom.testing.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ReadTallyTest {

    private static final Exception FAILURE = new IllegalStateException("lost");

    private final ReadTally tally = new ReadTally(List.of("primary", "replica-1"));

    @Test
    void failureWhileNoServerIsHarmedIsNoFaults() {
        tally.end();
        tally.failed(FAILURE, 1, tally.current());
        assertEquals(1, tally.failed());
        assertEquals(1, tally.failedWithoutFault());
    }

    @Test
    void failureIsOfTheFaultInWhichTheReadBeganOrEnded() {
        Fault early = tally.current();
        assertNull(early);
        Fault fault = tally.begin(1, Fault.Kind.KILLED);
        tally.failed(FAILURE, 1, early);
        tally.end();
        tally.failed(FAILURE, TimeUnit.MILLISECONDS.toNanos(7), fault);
        assertEquals(0, tally.failedWithoutFault());
        Fault.Result result = tally.faults().get(0);
        assertEquals(2, result.failed());
        assertEquals(TimeUnit.MILLISECONDS.toNanos(7), result.longestNanos());
    }

    @Test
    void inFlightAreThoseInsideTheHarmedServerBeforeOrJustAfter() {
        tally.entered(0);
        tally.entered(1);
        Fault fault = tally.begin(1, Fault.Kind.STOPPED);
        tally.entered(1);
        tally.harmed(fault);
        tally.left(1);
        tally.harmed(fault);
        assertEquals(2, tally.faults().get(0).inFlight());
    }

    @Test
    void onlyReadsAfterItsReturnCountForTheServer() {
        tally.answered(1, 1, null);
        Fault fault = tally.begin(1, Fault.Kind.KILLED);
        tally.answered(0, 1, fault);
        assertEquals(Fault.NOT_YET, tally.faults().get(0).backNanos());
        tally.back(fault);
        assertEquals(0, tally.faults().get(0).readsAfter());
        tally.answered(1, 1, fault);
        assertEquals(1, tally.faults().get(0).readsAfter());
        assertEquals(3, tally.reads());
    }
}
