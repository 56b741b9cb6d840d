package io.forgeloom.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.forgeloom.error.ConfigurationException;
import io.forgeloom.leader.LeaderConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Options and names: what is refused, and what the refusal says. */
class NodeConfigTest {

    @Test
    void defaultsAreThoseOfTheDocument() {
        assertEquals(Duration.ofSeconds(5), NodeConfig.DEFAULTS.heartbeatInterval());
        assertEquals(Duration.ofSeconds(15), NodeConfig.DEFAULTS.deadAfter());
        assertEquals("", NodeConfig.DEFAULTS.version());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            PT0.009S | PT15S     | heartbeatInterval | PT0.01S
            PT31M    | PT15S     | heartbeatInterval | PT30M
            PT5S     | PT1H0.1S  | deadAfter         | PT1H
            PT5S     | PT9.999S  | deadAfter         | PT5S
            """)
    void optionsOutOfBoundsAreRefusedWithTheBound(Duration interval, Duration dead, String option, String bound) {
        NodeConfig.Builder builder =
                NodeConfig.builder().heartbeatInterval(interval).deadAfter(dead);
        ConfigurationException refused = assertThrows(ConfigurationException.class, builder::build);
        assertEquals(option, refused.option());
        assertTrue(String.valueOf(refused.getMessage()).contains(bound), refused.getMessage());
    }

    @Test
    void namesThatTheTableCannotHoldAreRefused() {
        for (String name : new String[] {"", " ", "a\0b", "ä".repeat(128)}) {
            assertThrows(
                    ConfigurationException.class,
                    () -> NodeConfig.builder().nodeId(name).build(),
                    name);
            assertThrows(
                    ConfigurationException.class,
                    () -> NodeConfig.builder().host(name).build(),
                    name);
        }
        assertThrows(
                ConfigurationException.class,
                () -> NodeConfig.builder().version("1".repeat(256)).build());
    }

    @Test
    void defaultIdsDifferAndFitAnElectionToo() {
        NodeConfig longest = NodeConfig.builder().host("ä".repeat(127)).build();
        NodeSelf self = NodeSelf.of("sérvice", longest);
        assertTrue(self.nodeId().getBytes(StandardCharsets.UTF_8).length <= 255, self.nodeId());
        assertEquals(
                self.nodeId(),
                LeaderConfig.builder().nodeId(self.nodeId()).build().nodeId());
        NodeSelf one = NodeSelf.of("app", NodeConfig.DEFAULTS);
        assertTrue(
                one.nodeId()
                        .matches("app:\\Q" + one.host() + "\\E:"
                                + ProcessHandle.current().pid() + ":[0-9a-z]{4}"),
                one.nodeId());
        assertNotEquals(one.nodeId(), NodeSelf.of("app", NodeConfig.DEFAULTS).nodeId());
        NodeConfig named = NodeConfig.builder().nodeId("n").host("h").build();
        assertEquals(
                "n h",
                NodeSelf.of("app", named).nodeId() + " "
                        + NodeSelf.of("app", named).host());
    }
}
