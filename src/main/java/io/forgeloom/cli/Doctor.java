package io.forgeloom.cli;

import io.forgeloom.internal.concurrent.Deadline;
import io.forgeloom.internal.concurrent.TaskScope;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;

/** Looks at all servers side by side, under one deadline. */
final class Doctor {

    private Doctor() {}

    /**
     * Returns when all servers have been looked at or the time is up, whatever a server does; no session stays open. (A
     * name look-up that hangs cannot be cut short.)
     */
    static Diagnosis examine(List<ServerExam> exams, Duration timeout) throws InterruptedException {
        Deadline deadline = Deadline.after(timeout);
        try (TaskScope scope = TaskScope.open("forgeloom-doctor", deadline)) {
            for (ServerExam exam : exams) {
                scope.fork("forgeloom-doctor-" + exam.role(), () -> {
                    exam.run(deadline);
                    return exam;
                });
            }
            scope.join();
        } catch (TimeoutException e) {
            // The scope has interrupted whoever was not done and has waited for it; its exam says what it waited for.
            return diagnosis(exams);
        } catch (ExecutionException e) {
            throw new IllegalStateException("a check failed in a way that no server can cause", e.getCause());
        }
        return diagnosis(exams);
    }

    private static Diagnosis diagnosis(List<ServerExam> exams) {
        return new Diagnosis(exams.stream().map(ServerExam::report).toList());
    }
}
