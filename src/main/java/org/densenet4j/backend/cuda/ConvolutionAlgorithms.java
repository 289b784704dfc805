package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionBwdDataAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnDeterminism;

import org.densenet4j.backend.DeviceException;

/**
 * Which of cuDNN's algorithms run a convolution, by cuDNN's own heuristics: the fastest expected
 * one of each direction whose workspace stays within a limit, and which is deterministic if that is
 * asked for. Nothing is run or allocated to find out, so a plan can ask.
 *
 * @param forward number of the forward algorithm
 * @param backwardData number of the data gradient's
 * @param backwardFilter number of the weight gradient's
 * @param workspaceBytes the largest of their workspaces
 */
record ConvolutionAlgorithms(
        int forward, int backwardData, int backwardFilter, long workspaceBytes) {

    /** One of the answers of a heuristic, whatever its direction. */
    private record Candidate(int algorithm, int status, long memory, int determinism) {}

    static ConvolutionAlgorithms of(
            Cudnn cudnn, ConvolutionDescriptors d, long limit, boolean deterministic) {
        Object what = "choosing an algorithm for " + d.shape();
        int[] count = new int[1];

        int most = maximum(cudnn, d, 0);
        cudnnConvolutionFwdAlgoPerf[] f = new cudnnConvolutionFwdAlgoPerf[most];
        for (int i = 0; i < most; i++) {
            f[i] = new cudnnConvolutionFwdAlgoPerf();
        }
        checkDnn(
                JCudnn.cudnnGetConvolutionForwardAlgorithm_v7(
                        cudnn.handle(),
                        d.source(),
                        d.weights(),
                        d.convolution(),
                        d.output(),
                        most,
                        count,
                        f),
                what);
        Candidate[] forward = new Candidate[count[0]];
        for (int i = 0; i < forward.length; i++) {
            forward[i] = new Candidate(f[i].algo, f[i].status, f[i].memory, f[i].determinism);
        }

        most = maximum(cudnn, d, 1);
        cudnnConvolutionBwdDataAlgoPerf[] g = new cudnnConvolutionBwdDataAlgoPerf[most];
        for (int i = 0; i < most; i++) {
            g[i] = new cudnnConvolutionBwdDataAlgoPerf();
        }
        checkDnn(
                JCudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                        cudnn.handle(),
                        d.weights(),
                        d.output(),
                        d.convolution(),
                        d.source(),
                        most,
                        count,
                        g),
                what);
        Candidate[] data = new Candidate[count[0]];
        for (int i = 0; i < data.length; i++) {
            data[i] = new Candidate(g[i].algo, g[i].status, g[i].memory, g[i].determinism);
        }

        most = maximum(cudnn, d, 2);
        cudnnConvolutionBwdFilterAlgoPerf[] h = new cudnnConvolutionBwdFilterAlgoPerf[most];
        for (int i = 0; i < most; i++) {
            h[i] = new cudnnConvolutionBwdFilterAlgoPerf();
        }
        checkDnn(
                JCudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                        cudnn.handle(),
                        d.source(),
                        d.output(),
                        d.convolution(),
                        d.weights(),
                        most,
                        count,
                        h),
                what);
        Candidate[] filter = new Candidate[count[0]];
        for (int i = 0; i < filter.length; i++) {
            filter[i] = new Candidate(h[i].algo, h[i].status, h[i].memory, h[i].determinism);
        }

        Candidate bestForward = best(forward, limit, deterministic, d);
        Candidate bestData = best(data, limit, deterministic, d);
        Candidate bestFilter = best(filter, limit, deterministic, d);
        return new ConvolutionAlgorithms(
                bestForward.algorithm,
                bestData.algorithm,
                bestFilter.algorithm,
                Math.max(bestForward.memory, Math.max(bestData.memory, bestFilter.memory)));
    }

    private static int maximum(Cudnn cudnn, ConvolutionDescriptors d, int direction) {
        int[] count = new int[1];
        int status =
                switch (direction) {
                    case 0 ->
                            JCudnn.cudnnGetConvolutionForwardAlgorithmMaxCount(
                                    cudnn.handle(), count);
                    case 1 ->
                            JCudnn.cudnnGetConvolutionBackwardDataAlgorithmMaxCount(
                                    cudnn.handle(), count);
                    default ->
                            JCudnn.cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(
                                    cudnn.handle(), count);
                };
        checkDnn(status, "counting algorithms for " + d.shape());
        return count[0];
    }

    /** The answers come fastest first. */
    private static Candidate best(
            Candidate[] candidates, long limit, boolean deterministic, ConvolutionDescriptors d) {
        for (Candidate c : candidates) {
            boolean repeatable = c.determinism == cudnnDeterminism.CUDNN_DETERMINISTIC;
            if (c.status == 0 && c.memory <= limit && (repeatable || !deterministic)) {
                return c;
            }
        }
        throw new DeviceException(
                d.shape()
                        + ": cuDNN has no "
                        + (deterministic ? "deterministic " : "")
                        + "algorithm within "
                        + limit
                        + " bytes of workspace");
    }
}
