package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DeviceArguments;
import org.densenet4j.backend.DeviceTimer;

/** Times by events on a stream: what the device did, not what the host waited for. */
final class CudaTimer implements DeviceTimer {
    private final CudaContext context;
    private final CUstream stream;
    private final CUevent[] events;
    private boolean closed;

    CudaTimer(CudaContext context, CUstream stream, int marks) {
        this.context = context;
        this.stream = stream;
        this.events = new CUevent[marks];
        context.enter();
        for (int i = 0; i < marks; i++) {
            CUevent event = new CUevent();
            int status = JCudaDriver.cuEventCreate(event, CUevent_flags.CU_EVENT_DEFAULT);
            if (status != 0) {
                close();
            }
            checkDriver(status, "making an event");
            events[i] = event;
        }
    }

    @Override
    public void mark(int index) {
        DeviceArguments.checkMark("index", index, events.length);
        context.enter();
        context.gathered().launch();
        checkDriver(JCudaDriver.cuEventRecord(events[index], stream), "recording an event");
    }

    @Override
    public double seconds(int from, int to) {
        DeviceArguments.checkMark("from", from, events.length);
        DeviceArguments.checkMark("to", to, events.length);
        context.enter();
        float[] milliseconds = new float[1];
        checkDriver(JCudaDriver.cuEventSynchronize(events[from]), "waiting for an event");
        checkDriver(JCudaDriver.cuEventSynchronize(events[to]), "waiting for an event");
        checkDriver(
                JCudaDriver.cuEventElapsedTime(milliseconds, events[from], events[to]),
                "asking for the time between events");
        return milliseconds[0] / 1e3;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Teardown teardown = new Teardown();
            teardown.step(context::enter);
            for (CUevent event : events) {
                if (event != null) {
                    teardown.driver(JCudaDriver.cuEventDestroy(event), "freeing an event");
                }
            }
            teardown.finish();
        }
    }
}
