package io.forgeloom;

import io.forgeloom.database.DatabaseConfig;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** A runtime in a process of its own, at rest: URL and seconds. Prints what its start and its rest cost. */
final class ForgeProgram {

    private ForgeProgram() {}

    public static void main(String[] args) throws InterruptedException {
        long seconds = Long.parseLong(args[1]);
        long begun = System.nanoTime();
        DatabaseConfig database =
                DatabaseConfig.builder(args[0]).poolSize(8).serviceName("rest").build();
        try (Forge forge = Forge.start(
                ForgeConfig.builder(database).roles(ForgeFixture.ROLE).build())) {
            System.out.println("ready " + ForgeFixture.millisSince(begun));
            // What a fresh JVM compiles for is not the runtime's rest.
            Thread.sleep(Duration.ofSeconds(seconds));
            Duration cpu = cpu();
            long compiling = ManagementFactory.getCompilationMXBean().getTotalCompilationTime();
            Thread.sleep(Duration.ofSeconds(seconds));
            System.out.println(
                    "compiled for " + (ManagementFactory.getCompilationMXBean().getTotalCompilationTime() - compiling)
                            + " ms of " + seconds + " s");
            System.out.println("cpu " + (cpu().minus(cpu).toNanos() / 10_000 / seconds) / 1_000.0);
            System.out.println("leads " + forge.stats().leads().size());
        }
        Duration cpu = cpu();
        Thread.sleep(Duration.ofSeconds(seconds / 3));
        System.out.println("closed " + (cpu().minus(cpu).toNanos() / 10_000 / (seconds / 3)) / 1_000.0);
    }

    private static Duration cpu() {
        return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO);
    }
}
