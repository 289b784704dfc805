package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.UnknownFieldSet;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Decodes event files with Google's protobuf library and a checksum from its definition. */
class EventFileTest {
    @TempDir private Path folder;

    /** The messages of all records, whose frames are checked. */
    static List<UnknownFieldSet> read(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<UnknownFieldSet> events = new ArrayList<>();
        while (bytes.hasRemaining()) {
            byte[] length = new byte[8];
            bytes.get(length);
            assertEquals(masked(length), bytes.getInt(), "checksum of the length");
            byte[] data =
                    new byte
                            [(int)
                                    ByteBuffer.wrap(length)
                                            .order(ByteOrder.LITTLE_ENDIAN)
                                            .getLong()];
            bytes.get(data);
            assertEquals(masked(data), bytes.getInt(), "checksum of the data");
            events.add(UnknownFieldSet.parseFrom(data));
        }
        return events;
    }

    /** CRC-32C bit by bit, then rotated right by 15 and shifted by a constant. */
    private static int masked(byte[] bytes) {
        int crc = -1;
        for (byte b : bytes) {
            crc ^= b & 0xFF;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc >>> 1 ^ ((crc & 1) == 0 ? 0 : 0x82F63B78);
            }
        }
        return Integer.rotateRight(~crc, 15) + 0xa282ead8;
    }

    @Test
    void eventsAreThoseOfTensorBoard() throws IOException {
        Path file;
        try (EventFile events = new EventFile(folder, 301)) {
            file = events.path();
            events.scalar("loss/test", 305, Double.NaN); // no point of a curve
            events.scalar("loss/train", 310, 0.625);
            events.scalar("accuracy/test", 1L << 40, 0.5);
            events.flush();
        }
        assertTrue(file.getFileName().toString().startsWith("events.out.tfevents."));
        List<UnknownFieldSet> events = read(file);
        assertEquals(4, events.size());
        assertEquals(
                "brain.Event:2",
                events.get(0).getField(3).getLengthDelimitedList().get(0).toStringUtf8());
        // A session that starts at step 301: TensorBoard forgets what it knew of later steps.
        assertEquals(301, events.get(1).getField(2).getVarintList().get(0));
        UnknownFieldSet session = message(events.get(1), 7);
        assertEquals(1, session.getField(1).getVarintList().get(0));
        assertScalar("loss/train", 310, 0.625f, events.get(2));
        assertScalar("accuracy/test", 1L << 40, 0.5f, events.get(3));
    }

    private static void assertScalar(String tag, long step, float value, UnknownFieldSet event)
            throws IOException {
        double seconds = Double.longBitsToDouble(event.getField(1).getFixed64List().get(0));
        assertTrue(Math.abs(seconds - System.currentTimeMillis() / 1e3) < 3600);
        assertEquals(step, event.getField(2).getVarintList().get(0));
        UnknownFieldSet point = message(message(event, 5), 1);
        assertEquals(tag, point.getField(1).getLengthDelimitedList().get(0).toStringUtf8());
        assertEquals(Float.floatToIntBits(value), point.getField(2).getFixed32List().get(0));
    }

    private static UnknownFieldSet message(UnknownFieldSet outer, int field) throws IOException {
        return UnknownFieldSet.parseFrom(outer.getField(field).getLengthDelimitedList().get(0));
    }
}
