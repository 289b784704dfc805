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
 * the second time and replayed from then on. Where recording fails (an algorithm that allocates, an
 * old driver) steps go on being launched one by one.
 */
final class StepGraphs implements AutoCloseable {
    /** Full batches, the last batch of an epoch, evaluation of both: more kinds are rare. */
    private static final int MOST_GRAPHS = 8;

    private final CudaContext context;
    private final Map<Object, CUgraphExec> graphs = new LinkedHashMap<>();
    private boolean enabled;

    StepGraphs(CudaContext context, boolean enabled) {
        this.context = context;
        this.enabled = enabled;
    }

    /** Whether steps are recorded; false after a recording failed. */
    boolean enabled() {
        return enabled;
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
                enabled = false;
                work.run();
            } else {
                checkDriver(
                        JCudaDriver.cuGraphLaunch(graph, context.stream()),
                        "replaying a recorded step");
            }
        }
    }

    /** Null where the work cannot be recorded; nothing has run then. */
    private CUgraphExec record(Runnable work) {
        int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        if (JCudaDriver.cuStreamBeginCapture(context.stream(), mode) != 0) {
            return null;
        }
        boolean recorded = false;
        try {
            work.run();
            recorded = true;
        } catch (DeviceException e) {
            System.getLogger("org.densenet4j")
                    .log(
                            System.Logger.Level.INFO,
                            "steps are not recorded as CUDA graphs: " + e.getMessage());
        }
        CUgraph graph = new CUgraph();
        boolean ended = JCudaDriver.cuStreamEndCapture(context.stream(), graph) == 0;
        if (!recorded || !ended) {
            return null;
        }
        CUgraphExec executable = new CUgraphExec();
        int status = JCudaDriver.cuGraphInstantiate(executable, graph, 0);
        JCudaDriver.cuGraphDestroy(graph);
        return status == 0 ? executable : null;
    }

    @Override
    public void close() {
        context.enter();
        for (CUgraphExec graph : graphs.values()) {
            if (graph != null) {
                JCudaDriver.cuGraphExecDestroy(graph);
            }
        }
        graphs.clear();
    }
}
