package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionBwdDataAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionBwdFilterAlgoPerf;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnDeterminism;
import jcuda.jcudnn.cudnnMathType;

import org.densenet4j.backend.DataType;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Which of cuDNN's algorithms can run a convolution, by cuDNN's own heuristics. Nothing is run or
 * allocated to find out, so a plan can ask.
 */
final class ConvolutionAlgorithms {

    /**
     * An algorithm of one direction.
     *
     * @param number cuDNN's, in its own enumeration for each direction
     * @param mathType that the convolution descriptor must have when it runs
     * @param workspaceBytes that it needs with this math type
     */
    record Algorithm(int number, int mathType, long workspaceBytes) {}

    /** One of the answers of a heuristic, whatever its direction. */
    private record Answer(int algorithm, int status, int determinism, int mathType) {}

    private ConvolutionAlgorithms() {}

    /**
     * The algorithms that fit, the fastest expected one first; none where cuDNN has none.
     *
     * <p>The heuristics answer for several math types, whatever the descriptor says, and give the
     * workspace of theirs. So each answer's own math type is set and the workspace asked for again;
     * the default lets cuDNN round fp32 operands to TF32 on Ampere and later. Without TF32 every
     * algorithm multiplies fp32 in true fp32, or cuDNN has no workspace to tell for it. Conversion
     * to half precision is never taken.
     *
     * @param limit most bytes of workspace
     * @param deterministic leave out algorithms whose results differ from run to run
     */
    static List<Algorithm> of(
            Cudnn cudnn,
            ConvolutionDescriptors d,
            ConvolutionDirection direction,
            long limit,
            boolean deterministic) {
        List<Algorithm> fitting = new ArrayList<>();
        for (Answer a : answers(cudnn, d, direction)) {
            boolean repeatable = a.determinism == cudnnDeterminism.CUDNN_DETERMINISTIC;
            boolean halves = a.mathType == cudnnMathType.CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION;
            if (a.status == 0 && !halves && (repeatable || !deterministic)) {
                boolean asAnswered = cudnn.tensorFloat32() || d.shape().type() != DataType.FLOAT32;
                int math = asAnswered ? a.mathType : cudnnMathType.CUDNN_FMA_MATH;
                d.mathType(direction, math);
                long[] bytes = new long[1];
                int status = workspace(cudnn, d, direction, a.algorithm, bytes);
                Algorithm algorithm = new Algorithm(a.algorithm, math, bytes[0]);
                if (status == 0 && bytes[0] <= limit && !fitting.contains(algorithm)) {
                    fitting.add(algorithm);
                }
            }
        }
        return fitting;
    }

    private static int workspace(
            Cudnn cudnn,
            ConvolutionDescriptors d,
            ConvolutionDirection direction,
            int algorithm,
            long[] bytes) {
        return switch (direction) {
            case FORWARD ->
                    JCudnn.cudnnGetConvolutionForwardWorkspaceSize(
                            cudnn.handle(),
                            d.source(),
                            d.weights(),
                            d.convolution(direction),
                            d.output(),
                            algorithm,
                            bytes);
            case DATA_GRADIENT ->
                    JCudnn.cudnnGetConvolutionBackwardDataWorkspaceSize(
                            cudnn.handle(),
                            d.weights(),
                            d.output(),
                            d.convolution(direction),
                            d.source(),
                            algorithm,
                            bytes);
            case WEIGHT_GRADIENT ->
                    JCudnn.cudnnGetConvolutionBackwardFilterWorkspaceSize(
                            cudnn.handle(),
                            d.source(),
                            d.output(),
                            d.convolution(direction),
                            d.weights(),
                            algorithm,
                            bytes);
        };
    }

    /**
     * JCuda copies as many answers as cuDNN said there are, even where the call failed and said
     * nothing. Then the number is arbitrary and may be more than fit, and the status is lost.
     */
    private static List<Answer> answers(
            Cudnn cudnn, ConvolutionDescriptors d, ConvolutionDirection direction) {
        try {
            return asked(cudnn, d, direction);
        } catch (ArrayIndexOutOfBoundsException e) {
            return List.of();
        }
    }

    private static List<Answer> asked(
            Cudnn cudnn, ConvolutionDescriptors d, ConvolutionDirection direction) {
        List<Answer> answers = new ArrayList<>();
        int most = maximum(cudnn, d, direction);
        int[] count = new int[1];
        int status;
        switch (direction) {
            case FORWARD -> {
                var found = new cudnnConvolutionFwdAlgoPerf[most];
                Arrays.setAll(found, i -> new cudnnConvolutionFwdAlgoPerf());
                status =
                        JCudnn.cudnnGetConvolutionForwardAlgorithm_v7(
                                cudnn.handle(),
                                d.source(),
                                d.weights(),
                                d.convolution(direction),
                                d.output(),
                                most,
                                count,
                                found);
                for (int i = 0; i < count[0]; i++) {
                    var f = found[i];
                    answers.add(new Answer(f.algo, f.status, f.determinism, f.mathType));
                }
            }
            case DATA_GRADIENT -> {
                var found = new cudnnConvolutionBwdDataAlgoPerf[most];
                Arrays.setAll(found, i -> new cudnnConvolutionBwdDataAlgoPerf());
                status =
                        JCudnn.cudnnGetConvolutionBackwardDataAlgorithm_v7(
                                cudnn.handle(),
                                d.weights(),
                                d.output(),
                                d.convolution(direction),
                                d.source(),
                                most,
                                count,
                                found);
                for (int i = 0; i < count[0]; i++) {
                    var f = found[i];
                    answers.add(new Answer(f.algo, f.status, f.determinism, f.mathType));
                }
            }
            case WEIGHT_GRADIENT -> {
                var found = new cudnnConvolutionBwdFilterAlgoPerf[most];
                Arrays.setAll(found, i -> new cudnnConvolutionBwdFilterAlgoPerf());
                status =
                        JCudnn.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
                                cudnn.handle(),
                                d.source(),
                                d.output(),
                                d.convolution(direction),
                                d.weights(),
                                most,
                                count,
                                found);
                for (int i = 0; i < count[0]; i++) {
                    var f = found[i];
                    answers.add(new Answer(f.algo, f.status, f.determinism, f.mathType));
                }
            }
            default -> throw new AssertionError(direction);
        }
        if (Cudnn.isNotSupported(status)) {
            return List.of();
        }
        checkDnn(status, "choosing an algorithm for " + direction.of(d.shape()));
        return answers;
    }

    private static int maximum(
            Cudnn cudnn, ConvolutionDescriptors d, ConvolutionDirection direction) {
        int[] count = new int[1];
        int status =
                switch (direction) {
                    case FORWARD ->
                            JCudnn.cudnnGetConvolutionForwardAlgorithmMaxCount(
                                    cudnn.handle(), count);
                    case DATA_GRADIENT ->
                            JCudnn.cudnnGetConvolutionBackwardDataAlgorithmMaxCount(
                                    cudnn.handle(), count);
                    case WEIGHT_GRADIENT ->
                            JCudnn.cudnnGetConvolutionBackwardFilterAlgorithmMaxCount(
                                    cudnn.handle(), count);
                };
        checkDnn(status, "counting algorithms for " + d.shape());
        return count[0];
    }
}
