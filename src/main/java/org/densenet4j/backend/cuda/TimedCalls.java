package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.TracedCall;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;

/**
 * A trace of the calls on one stream: a mark before and one after each, so that its time is the
 * device's. Marks are made once; when all are used, their times are read, which waits for the
 * device, and they are used again.
 *
 * <p>A mark is passed as soon as the device is idle. A call that the device finishes before the
 * host has queued the next therefore shows the host's time for queueing it as well: a few
 * microseconds at least, however small its work.
 */
final class TimedCalls implements CallTrace, AutoCloseable {
    private final DeviceTimer timer;
    private final boolean beside;
    private final Map<String, TracedCall> finished = new LinkedHashMap<>();
    private final TracedCall[] marked;
    private int count;

    /**
     * @param timer owned; has two marks for each of {@code most} calls
     * @param most calls between two readings of the marks
     * @param beside whether the stream runs beside that of the step
     */
    TimedCalls(DeviceTimer timer, int most, boolean beside) {
        this.timer = timer;
        this.marked = new TracedCall[most];
        this.beside = beside;
    }

    @Override
    public int call(String name, Traffic traffic, IntSupplier call) {
        if (count == marked.length) {
            read();
        }
        timer.mark(2 * count);
        int status = call.getAsInt();
        if (status == 0) {
            timer.mark(2 * count + 1);
            marked[count++] = new TracedCall(name, 1, 0, traffic.bytes(), traffic.flops(), beside);
        }
        return status;
    }

    /** Waits for the calls that are marked and adds them to those of their name. */
    private void read() {
        for (int i = 0; i < count; i++) {
            TracedCall c = marked[i];
            double seconds = timer.seconds(2 * i, 2 * i + 1);
            finished.merge(
                    c.name(),
                    new TracedCall(c.name(), 1, seconds, c.bytes(), c.flops(), beside),
                    TracedCall::plus);
        }
        count = 0;
    }

    /** Everything since the last time, by name, in the order of the first calls. */
    List<TracedCall> take() {
        read();
        List<TracedCall> taken = List.copyOf(finished.values());
        finished.clear();
        return taken;
    }

    @Override
    public void close() {
        timer.close();
    }
}
