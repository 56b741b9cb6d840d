package io.forgeloom.cli;

import io.forgeloom.internal.concurrent.Deadline;
import java.time.Duration;
import java.util.List;

/** Examines all servers side by side, under one deadline. */
final class Doctor {

    private Doctor() {}

    /** See {@link SideBySide#run}. */
    static Diagnosis examine(List<ServerExam> exams, Duration timeout) throws InterruptedException {
        SideBySide.run("doctor", exams, Deadline.after(timeout));
        return new Diagnosis(exams.stream().map(ServerExam::report).toList());
    }
}
