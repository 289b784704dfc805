package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.DeviceException;
import org.jspecify.annotations.Nullable;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Steps recorded as CUDA graphs: hundreds of launches become one.
 *
 * <p>A step runs as it is the first time, in which libraries load what they need; it is recorded
 * the second time and replayed from then on. Where the driver cannot record (an algorithm that
 * allocates, an old driver) steps go on being launched one by one; {@link #state} says so, and the
 * log once.
 *
 * <p>A step that sums over ranks is replayed by all of them or by none: they vote once each has
 * tried to record it. Such steps are the same on all ranks, in the same order, so that all come to
 * the vote; other steps may differ, and nobody votes on them.
 */
final class StepGraphs implements AutoCloseable {
    /**
     * Of training there are full batches, the last of an epoch, and evaluation of both; of
     * inference every number of images that requests come with. More are launched one by one, of
     * either kind.
     */
    private static final int MOST_GRAPHS = 64;

    private final CudaContext context;
    private final Map<Object, Step> steps = new LinkedHashMap<>();
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

    /** A kind of step that has run once. */
    private static final class Step {
        final boolean sums;
        boolean tried;
        @Nullable CUgraphExec graph;

        Step(boolean sums) {
            this.sums = sums;
        }
    }

    /**
     * Runs a step, in whichever way.
     *
     * @param sums what sums over ranks, or null where there are no others
     */
    void replay(Object key, Runnable work, @Nullable RankSums sums) {
        context.enter();
        Step step = steps.get(key);
        if (step == null) {
            runFirst(key, work, sums);
            return;
        }
        if (!step.tried) {
            step.tried = true;
            step.graph = enabled ? record(work) : null;
            if (step.sums) {
                agree(step, Objects.requireNonNull(sums, "sums"));
            }
        }
        // What all ranks have agreed on stays so, whatever this one fails to record later.
        if (step.graph == null || !(enabled || step.sums)) {
            work.run();
        } else {
            checkDriver(
                    JCudaDriver.cuGraphLaunch(step.graph, context.stream()),
                    "replaying a recorded step");
            state = "replayed";
        }
    }

    private void runFirst(Object key, Runnable work, @Nullable RankSums sums) {
        long before = sums == null ? 0 : sums.started();
        work.run();
        boolean summed = sums != null && sums.started() > before;
        long alike = steps.values().stream().filter(step -> step.sums == summed).count();
        if ((enabled || summed) && alike < MOST_GRAPHS) {
            steps.put(key, new Step(summed));
        }
    }

    /** Keeps a recording if all ranks have one. */
    private void agree(Step step, RankSums sums) {
        if (!sums.allRecorded(step.graph != null) && step.graph != null) {
            checkDriver(JCudaDriver.cuGraphExecDestroy(step.graph), "freeing a recorded step");
            step.graph = failed("agreeing", "another-rank", "another rank did not record its step");
        }
    }

    /** Null where the work cannot be recorded; nothing has run then. */
    private @Nullable CUgraphExec record(Runnable work) {
        int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        int status = JCudaDriver.cuStreamBeginCapture(context.stream(), mode);
        if (status != 0) {
            return failed("beginning", CudaStatus.driverName(status), "");
        }
        try (Capture capture = new Capture()) {
            try {
                work.run();
                context.gathered().launch();
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
                context.gathered().forget(); // of work that has failed
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

    private @Nullable CUgraphExec failed(String stage, String status, String reason) {
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
        for (Step step : steps.values()) {
            if (step.graph != null) {
                teardown.driver(
                        JCudaDriver.cuGraphExecDestroy(step.graph), "freeing a recorded step");
            }
        }
        steps.clear();
        teardown.finish();
    }
}
