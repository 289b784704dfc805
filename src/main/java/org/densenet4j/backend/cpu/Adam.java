package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.AdamCoefficients;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.AdamKernel;
import org.densenet4j.backend.cpu.jit.AdamKernel.Argument;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;

/** Steps of Adam, AdamW and AMSGrad. */
interface Adam {
    /** See {@link org.densenet4j.backend.Kernels#adam}. */
    void adam(
            Matrix parameters,
            Matrix gradients,
            Matrix means,
            Matrix squares,
            @Nullable Matrix largest,
            AdamCoefficients by);

    /** Machine code. */
    final class Compiled implements Adam {
        private final CompiledPasses passes;
        private final KernelCache<AdamKernel.Form, AdamKernel> kernels;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(AdamKernel::new);
            arguments = passes.arguments(Argument.class);
        }

        @Override
        public void adam(
                Matrix parameters,
                Matrix gradients,
                Matrix means,
                Matrix squares,
                @Nullable Matrix largest,
                AdamCoefficients by) {
            AdamKernel kernel =
                    kernels.of(new AdamKernel.Form(parameters.columns(), largest != null));
            Arguments here =
                    arguments
                            .get()
                            .set(Argument.PARAMETERS, passes.address(parameters))
                            .set(Argument.GRADIENTS, passes.address(gradients))
                            .set(Argument.MEANS, passes.address(means))
                            .set(Argument.SQUARES, passes.address(squares))
                            .set(Argument.MINUS_RATE, -by.rate())
                            .set(Argument.BETA_1, by.beta1())
                            .set(Argument.SHARE_1, by.share1())
                            .set(Argument.BETA_2, by.beta2())
                            .set(Argument.SHARE_2, by.share2())
                            .set(Argument.ROOT_SCALE, by.rootScale())
                            .set(Argument.EPSILON, by.epsilon())
                            .set(Argument.DECAY, by.decay())
                            .set(Argument.KEEP, by.keep())
                            .set(Argument.SCALE, by.gradientScale());
            if (largest != null) {
                here.set(Argument.LARGEST, passes.address(largest));
            }
            kernel.run(here);
        }
    }

    /** On the Vector API; what does not fill a vector is left to the plain loop. */
    final class Vectors extends VectorElements implements Adam {
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void adam(
                Matrix parameters,
                Matrix gradients,
                Matrix means,
                Matrix squares,
                @Nullable Matrix largest,
                AdamCoefficients by) {
            FloatVector decays = FloatVector.broadcast(SPECIES, by.decay());
            FloatVector shares1 = FloatVector.broadcast(SPECIES, by.share1());
            FloatVector roots = FloatVector.broadcast(SPECIES, by.rootScale());
            FloatVector epsilons = FloatVector.broadcast(SPECIES, by.epsilon());
            FloatVector rates = FloatVector.broadcast(SPECIES, -by.rate());
            for (int i = 0; i < whole(parameters); i += LANES) {
                FloatVector p = floats(parameters, 0, i);
                FloatVector g = p.fma(decays, floats(gradients, 0, i).mul(by.gradientScale()));
                FloatVector mean = g.fma(shares1, floats(means, 0, i).mul(by.beta1()));
                FloatVector square =
                        g.mul(by.share2()).fma(g, floats(squares, 0, i).mul(by.beta2()));
                set(means, 0, i, mean);
                set(squares, 0, i, square);
                if (largest != null) {
                    square = floats(largest, 0, i).max(square);
                    set(largest, 0, i, square);
                }
                FloatVector root = square.sqrt().fma(roots, epsilons);
                set(parameters, 0, i, mean.div(root).fma(rates, p.mul(by.keep())));
            }
            if (hasRest(parameters)) {
                loops.adam(
                        rest(parameters),
                        rest(gradients, parameters),
                        rest(means, parameters),
                        rest(squares, parameters),
                        largest == null ? null : rest(largest, parameters),
                        by);
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements Adam {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void adam(
                Matrix parameters,
                Matrix gradients,
                Matrix means,
                Matrix squares,
                @Nullable Matrix largest,
                AdamCoefficients by) {
            for (int i = 0; i < parameters.columns(); i++) {
                float p = get(parameters, 0, i);
                float g = Math.fma(by.decay(), p, by.gradientScale() * get(gradients, 0, i));
                float mean = Math.fma(by.share1(), g, by.beta1() * get(means, 0, i));
                float square = Math.fma(by.share2() * g, g, by.beta2() * get(squares, 0, i));
                set(means, 0, i, mean);
                set(squares, 0, i, square);
                if (largest != null) {
                    square = Math.max(get(largest, 0, i), square);
                    set(largest, 0, i, square);
                }
                float root = Math.fma((float) Math.sqrt(square), by.rootScale(), by.epsilon());
                set(parameters, 0, i, Math.fma(-by.rate(), mean / root, by.keep() * p));
            }
        }
    }
}
