package org.densenet4j.backend.cuda;

import org.densenet4j.backend.TracedCall;

import java.util.ArrayList;
import java.util.List;

/**
 * The trace of a device: of its stream of work and, beside it, of the copies of next batches. All
 * events are made here.
 */
final class DeviceTrace implements AutoCloseable {
    /** Calls whose times are read together: more than a step has of most networks. */
    private static final int MOST_CALLS = 1 << 13;

    private static final int MOST_COPIES = 64;

    private final CudaContext context;
    private final TimedCalls work;
    private final TimedCalls copies;

    /** Begins to trace. */
    DeviceTrace(CudaContext context) {
        this.context = context;
        this.work =
                new TimedCalls(
                        new CudaTimer(context, context.stream(), 2 * MOST_CALLS),
                        MOST_CALLS,
                        false);
        try {
            this.copies =
                    new TimedCalls(
                            new CudaTimer(context, context.copyStream(), 2 * MOST_COPIES),
                            MOST_COPIES,
                            true);
        } catch (RuntimeException e) {
            throw Teardown.undo(List.of(work), e);
        }
        context.trace(work, copies);
    }

    /** Everything since the last time. */
    List<TracedCall> take() {
        List<TracedCall> all = new ArrayList<>(work.take());
        all.addAll(copies.take());
        return all;
    }

    @Override
    public void close() {
        context.trace(CallTrace.OFF, CallTrace.OFF);
        Teardown teardown = new Teardown();
        teardown.close(work);
        teardown.close(copies);
        teardown.finish();
    }
}
