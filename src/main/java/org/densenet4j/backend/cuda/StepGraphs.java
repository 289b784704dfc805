package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DeviceException;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Steps recorded as CUDA graphs: hundreds of launches become one.
 *
 * <p>A step runs as it is the first time, in which libraries load what they need; it is recorded
 * the second time and replayed from then on. Where the driver cannot record (an algorithm that
 * allocates, an old driver) steps go on being launched one by one; {@link #state} says so, and the
 * log once.
 */
final class StepGraphs implements AutoCloseable {
    /** Full batches, the last batch of an epoch, evaluation of both: more kinds are rare. */
    private static final int MOST_GRAPHS = 8;

    private final CudaContext context;
    private final Map<Object, CUgraphExec> graphs = new LinkedHashMap<>();
    private boolean enabled;
    private String state = "plain";

    StepGraphs(CudaContext context, boolean enabled) {
        this.context = context;
        this.enabled = enabled;
    }

    /** {@code plain}, {@code replayed}, or {@code failed:} and the driver's name of the status. */
    String state() {
        return state;
    }

    void replay(Object key, Runnable work) {
        context.enter();
        if (!enabled) {
            work.run();
        } else if (!graphs.containsKey(key)) {
            work.run();
            if (graphs.size() < MOST_GRAPHS) {
                graphs.put(key, null);
            }
        } else {
            CUgraphExec graph = graphs.get(key);
            if (graph == null) {
                graph = record(work);
                graphs.put(key, graph);
            }
            if (graph == null) {
                work.run();
            } else {
                checkDriver(
                        JCudaDriver.cuGraphLaunch(graph, context.stream()),
                        "replaying a recorded step");
                state = "replayed";
            }
        }
    }

    /** Null where the work cannot be recorded; nothing has run then. */
    private CUgraphExec record(Runnable work) {
        int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        int status = JCudaDriver.cuStreamBeginCapture(context.stream(), mode);
        if (status != 0) {
            return failed("beginning", CudaStatus.driverName(status), "");
        }
        try (Capture capture = new Capture()) {
            try {
                work.run();
            } catch (DeviceException e) {
                capture.end();
                return failed("recording", capture.statusName(), e.getMessage());
            }
            if (capture.end() != 0) {
                return failed("ending", capture.statusName(), "");
            }
            CUgraphExec executable = new CUgraphExec();
            status = JCudaDriver.cuGraphInstantiate(executable, capture.graph, 0);
            return status == 0
                    ? executable
                    : failed("instantiating", CudaStatus.driverName(status), "");
        }
    }

    /** The stream while it records. Ended however the work ends: one left open takes no other. */
    private final class Capture implements AutoCloseable {
        private final CUgraph graph = new CUgraph();
        private boolean open = true;
        private int status;

        int end() {
            if (open) {
                open = false;
                status = JCudaDriver.cuStreamEndCapture(context.stream(), graph);
            }
            return status;
        }

        String statusName() {
            return status == 0 ? "refused" : CudaStatus.driverName(status);
        }

        @Override
        public void close() {
            if (end() == 0) {
                JCudaDriver.cuGraphDestroy(graph);
            }
        }
    }

    private CUgraphExec failed(String stage, String status, String reason) {
        enabled = false;
        state = "failed:" + stage + ":" + status;
        System.getLogger("org.densenet4j")
                .log(
                        System.Logger.Level.WARNING,
                        "steps are not recorded as CUDA graphs but launched one by one ("
                                + stage
                                + ": "
                                + status
                                + (reason.isEmpty() ? ")" : "; " + reason + ")"));
        return null;
    }

    @Override
    public void close() {
        Teardown teardown = new Teardown();
        teardown.step(context::enter);
        for (CUgraphExec graph : graphs.values()) {
            if (graph != null) {
                teardown.driver(JCudaDriver.cuGraphExecDestroy(graph), "freeing a recorded step");
            }
        }
        graphs.clear();
        teardown.finish();
    }
}
