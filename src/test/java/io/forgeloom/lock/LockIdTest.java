package io.forgeloom.lock;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LockIdTest {

    @ParameterizedTest
    @CsvSource({
        "'', 77306496761856",
        "daemon_a, -2171836789338793384",
        "daemon_b, -2171833490803908751",
        "my_daemon, -551847874204078177",
        "scheduler, -5749501097489457555"
    })
    void namesHaveTheNumbersThatForgeGivesThem(String name, long number) {
        assertEquals(LockId.of(number), LockId.named(name));
    }

    /** The vectors are all ASCII. By hand: two bytes, 0xc3 0xa9, each one unsigned. */
    @Test
    void bytesOfUtf8CountUnsigned() {
        long first = (0x464F52474000L ^ 0xc3) * 0x100000001b3L;
        assertEquals((first ^ 0xa9) * 0x100000001b3L, LockId.named("é").value());
    }

    @Test
    void halvesAreUnsigned() {
        LockId id = LockId.of(0xFFFF_FFFE_8000_0001L);
        assertEquals(4_294_967_294L, id.classId());
        assertEquals(2_147_483_649L, id.objId());
        assertEquals("301978502981", LockId.of(0x46_4F52_4745L).toString());
    }
}
