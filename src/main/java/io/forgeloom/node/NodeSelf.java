package io.forgeloom.node;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ThreadLocalRandom;

/** Who this node is. Immutable, safe for use by many threads. */
record NodeSelf(String nodeId, String serviceName, String host, long pid, String version) {

    /** Linux's, without a question to any resolver. */
    private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");

    private static final int SUFFIXES = 36 * 36 * 36 * 36;

    static NodeSelf of(String serviceName, NodeConfig config) {
        String named = config.host();
        String host = named == null ? hostName() : named;
        long pid = ProcessHandle.current().pid();
        String nodeId = config.nodeId();
        return new NodeSelf(
                nodeId == null ? defaultId(serviceName, host, pid) : nodeId, serviceName, host, pid, config.version());
    }

    /** Containers share process ids, and sometimes the name of their host: only what is random never meets its like. */
    private static String defaultId(String serviceName, String host, long pid) {
        String suffix = Integer.toString(SUFFIXES + ThreadLocalRandom.current().nextInt(SUFFIXES), 36)
                .substring(1);
        String end = ":" + pid + ":" + suffix;
        String start = serviceName + ":" + host;
        while ((start + end).getBytes(StandardCharsets.UTF_8).length > NodeConfig.MAX_BYTES) {
            start = start.substring(0, start.offsetByCodePoints(start.length(), -1));
        }
        return start + end;
    }

    private static String hostName() {
        try {
            String name = Files.readString(HOST_NAME).strip();
            if (!name.isEmpty()) {
                return name;
            }
        } catch (IOException e) {
            // Another system than Linux.
        }
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown";
        }
    }
}
