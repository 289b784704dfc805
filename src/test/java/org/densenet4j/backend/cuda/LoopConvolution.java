package org.densenet4j.backend.cuda;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Matrix;

import java.lang.foreign.MemorySegment;

/** What cuDNN does on a GPU, in plain loops, with weights packed as cuDNN reads them. */
record LoopConvolution(ConvolutionShape shape, MemorySegment memory, CudaKernels kernels)
        implements Convolution {

    /** One multiplication of the convolution. */
    private interface Term {
        void of(int inputRow, int inputChannel, int outputRow, int outputChannel, int weight);
    }

    private int taps() {
        return shape.kernel() * shape.kernel();
    }

    @Override
    public void packForward(int lane, int part, Matrix weights, Matrix packed) {
        kernels.packWeights(weights, shape.outputChannels(), shape.inputChannels(), taps(), packed);
    }

    @Override
    public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
        packForward(lane, part, weights, packed);
    }

    @Override
    public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
        clear(output);
        forEachTerm(
                images,
                (in, i, out, o, w) ->
                        add(output.at(out, o), get(source.at(in, i)) * get(packed.at(0, w))));
    }

    @Override
    public void backwardData(
            int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
        clear(sourceGradient);
        forEachTerm(
                images,
                (in, i, out, o, w) ->
                        add(
                                sourceGradient.at(in, i),
                                get(outputGradient.at(out, o)) * get(packed.at(0, w))));
    }

    @Override
    public void backwardWeights(
            int lane,
            int images,
            Matrix source,
            Matrix outputGradient,
            Matrix ofChunk,
            Matrix sum) {
        forEachTerm(
                images,
                (in, i, out, o, w) ->
                        add(sum.at(0, w), get(source.at(in, i)) * get(outputGradient.at(out, o))));
    }

    @Override
    public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
        kernels.addUnpackedGradient(
                sums, shape.outputChannels(), shape.inputChannels(), taps(), gradient);
    }

    private void forEachTerm(int images, Term term) {
        int k = shape.kernel();
        for (int n = 0; n < images; n++) {
            for (int y = 0; y < shape.outputHeight(); y++) {
                for (int x = 0; x < shape.outputWidth(); x++) {
                    int outputRow = (n * shape.outputHeight() + y) * shape.outputWidth() + x;
                    for (int tap = 0; tap < k * k; tap++) {
                        int h = y * shape.stride() + tap / k - shape.padding();
                        int w = x * shape.stride() + tap % k - shape.padding();
                        if (h >= 0 && h < shape.height() && w >= 0 && w < shape.width()) {
                            int inputRow = (n * shape.height() + h) * shape.width() + w;
                            channels(term, inputRow, outputRow, tap);
                        }
                    }
                }
            }
        }
    }

    private void channels(Term term, int inputRow, int outputRow, int tap) {
        int in = shape.inputChannels();
        for (int o = 0; o < shape.outputChannels(); o++) {
            for (int i = 0; i < in; i++) {
                term.of(inputRow, i, outputRow, o, (o * taps() + tap) * in + i);
            }
        }
    }

    private void clear(Matrix m) {
        for (int r = 0; r < m.rows(); r++) {
            for (int c = 0; c < m.columns(); c++) {
                memory.set(JAVA_FLOAT, m.at(r, c), 0f);
            }
        }
    }

    private float get(long offset) {
        return memory.get(JAVA_FLOAT, offset);
    }

    private void add(long offset, float value) {
        memory.set(JAVA_FLOAT, offset, get(offset) + value);
    }
}
