package org.densenet4j.backend.cpu;

import jdk.incubator.vector.FloatVector;

import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.jit.Arguments;
import org.densenet4j.backend.cpu.jit.SgdNesterovKernel;
import org.densenet4j.backend.cpu.jit.SgdNesterovKernel.Argument;

import java.lang.foreign.MemorySegment;

/** Steps of SGD. */
interface SgdNesterov {
    /** See {@link org.densenet4j.backend.Kernels#sgd}. */
    void sgd(
            Matrix parameters,
            Matrix gradients,
            Matrix velocity,
            float rate,
            float momentum,
            float share,
            boolean nesterov,
            float decay,
            float gradientScale);

    /** Machine code. */
    final class Compiled implements SgdNesterov {
        private final CompiledPasses passes;
        private final KernelCache<SgdNesterovKernel.Form, SgdNesterovKernel> kernels;
        private final ThreadLocal<Arguments> arguments;

        Compiled(CompiledPasses passes) {
            this.passes = passes;
            kernels = passes.kernels(SgdNesterovKernel::new);
            arguments = passes.arguments(Argument.class);
        }

        @Override
        public void sgd(
                Matrix parameters,
                Matrix gradients,
                Matrix velocity,
                float rate,
                float momentum,
                float share,
                boolean nesterov,
                float decay,
                float gradientScale) {
            SgdNesterovKernel kernel =
                    kernels.of(new SgdNesterovKernel.Form(parameters.columns(), nesterov));
            Arguments here =
                    arguments
                            .get()
                            .set(Argument.MINUS_RATE, -rate)
                            .set(Argument.MOMENTUM, momentum)
                            .set(Argument.SHARE, share)
                            .set(Argument.DECAY, decay)
                            .set(Argument.SCALE, gradientScale);
            for (int r = 0; r < parameters.rows(); r++) {
                here.set(Argument.PARAMETERS, passes.address(parameters.rows(r, 1)))
                        .set(Argument.GRADIENTS, passes.address(gradients.rows(r, 1)))
                        .set(Argument.VELOCITY, passes.address(velocity.rows(r, 1)));
                kernel.run(here);
            }
        }
    }

    /** On the Vector API; what does not fill a vector is left to the plain loop. */
    final class Vectors extends VectorElements implements SgdNesterov {
        private final Loops loops;

        Vectors(MemorySegment memory) {
            super(memory);
            loops = new Loops(memory);
        }

        @Override
        public void sgd(
                Matrix parameters,
                Matrix gradients,
                Matrix velocity,
                float rate,
                float momentum,
                float share,
                boolean nesterov,
                float decay,
                float gradientScale) {
            FloatVector decays = FloatVector.broadcast(SPECIES, decay);
            FloatVector momenta = FloatVector.broadcast(SPECIES, momentum);
            FloatVector rates = FloatVector.broadcast(SPECIES, -rate);
            for (int r = 0; r < parameters.rows(); r++) {
                for (int c = 0; c < whole(parameters); c += LANES) {
                    FloatVector p = floats(parameters, r, c);
                    FloatVector g = p.fma(decays, floats(gradients, r, c).mul(gradientScale));
                    FloatVector v = floats(velocity, r, c).fma(momenta, g.mul(share));
                    set(velocity, r, c, v);
                    FloatVector step = nesterov ? v.fma(momenta, g) : v;
                    set(parameters, r, c, step.fma(rates, p));
                }
            }
            if (hasRest(parameters)) {
                loops.sgd(
                        rest(parameters, parameters),
                        rest(gradients, parameters),
                        rest(velocity, parameters),
                        rate,
                        momentum,
                        share,
                        nesterov,
                        decay,
                        gradientScale);
            }
        }
    }

    /** Plain loops. */
    final class Loops extends StoredElements implements SgdNesterov {
        Loops(MemorySegment memory) {
            super(memory);
        }

        @Override
        public void sgd(
                Matrix parameters,
                Matrix gradients,
                Matrix velocity,
                float rate,
                float momentum,
                float share,
                boolean nesterov,
                float decay,
                float gradientScale) {
            for (int r = 0; r < parameters.rows(); r++) {
                for (int c = 0; c < parameters.columns(); c++) {
                    float p = get(parameters, r, c);
                    float g = Math.fma(decay, p, gradientScale * get(gradients, r, c));
                    float v = Math.fma(momentum, get(velocity, r, c), share * g);
                    set(velocity, r, c, v);
                    float step = nesterov ? Math.fma(momentum, v, g) : v;
                    set(parameters, r, c, Math.fma(-rate, step, p));
                }
            }
        }
    }
}
