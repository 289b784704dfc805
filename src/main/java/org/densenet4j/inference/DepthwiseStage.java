package org.densenet4j.inference;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PackedProduct;
import org.densenet4j.backend.PoolShape;
import org.densenet4j.graph.DepthwiseLayer;
import org.densenet4j.plan.Chunk;
import org.densenet4j.plan.DepthwiseLayerInference;
import org.densenet4j.plan.PackedProductMemory;
import org.densenet4j.weights.WeightSource;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.List;

/** A depthwise layer: depthwise convolution, layer norm, two 1x1 convolutions, gate and scale. */
final class DepthwiseStage implements InferenceStage {
    private final InferenceDevice on;
    private final Kernels kernels;
    private final DepthwiseLayerInference memory;
    private final DepthwiseLayerInference.Weights weights;
    private final Matrix source;
    private final PoolShape pool;
    private final Target target;
    private final List<PackedProduct> expand;
    private final List<PackedProduct> project;

    DepthwiseStage(InferenceDevice on, DepthwiseLayerInference memory, WeightSource from)
            throws IOException {
        DepthwiseLayer node = memory.node();
        this.on = on;
        this.kernels = on.kernels();
        this.memory = memory;
        this.weights = memory.weights();
        this.source = on.memory().values(memory.source());
        this.pool = PoolShape.global(node.source().height(), node.source().width());
        this.target = new Target(on, memory.target());
        this.expand = PackedProductMemory.open(memory.middleProducts().expand(), on.arena());
        this.project = PackedProductMemory.open(memory.middleProducts().project(), on.arena());
        int taps = memory.shape().taps();
        on.upload(transposed(from.values(node.depthwise() + ".weight"), taps), weights.taps());
        on.upload(from.values(node.depthwise() + ".bias"), weights.depthwiseBias());
        on.upload(from.values(node.norm().name() + ".weight"), weights.gamma());
        on.upload(from.values(node.norm().name() + ".bias"), weights.beta());
        float[] expansion = from.values(node.expansion() + ".weight");
        on.upload(transposed(expansion, node.prefixChannels()), weights.expansion());
        on.upload(from.values(node.expansion() + ".bias"), weights.expansionBias());
        float[] projection = from.values(node.projection() + ".weight");
        on.upload(transposed(projection, node.width()), weights.projection());
        on.upload(from.values(node.projection() + ".bias"), weights.projectionBias());
        on.upload(from.values(node.scale()), weights.scale());
        if (node.gate().isPresent()) {
            String gate = node.gate().get();
            on.upload(from.values(gate + ".weight"), weights.gate().orElseThrow());
            on.upload(from.values(gate + ".bias"), weights.gateBias().orElseThrow());
        }
    }

    /** From [rows, columns] to [columns, rows]. */
    private static float[] transposed(float[] values, int columns) {
        int rows = values.length / columns;
        float[] turned = new float[values.length];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                turned[c * rows + r] = values[r * columns + c];
            }
        }
        return turned;
    }

    @Override
    public void forward(int images) {
        on.device().forEachChunk(expand.size(), this::pack);
        on.forEachChunk(memory.images(), images, this::forward);
        target.finish(images, memory.images());
    }

    /** The weights of a block of the middle. */
    private void pack(int lane, int block) {
        int first = block * memory.middlePerBlock();
        int count = Math.min(memory.middlePerBlock(), memory.node().width() - first);
        expand.get(block).pack(lane, weights.expansion().columns(first, count));
        project.get(block).pack(lane, weights.projection().rows(first, count));
    }

    private void forward(int lane, Chunk chunk) {
        Matrix mixed = chunk.in(memory.mixed()[lane]);
        Matrix y = chunk.in(memory.output()[lane]);
        kernels.depthwise(
                chunk.of(source),
                chunk.images(),
                memory.shape(),
                weights.taps(),
                weights.depthwiseBias(),
                mixed);
        for (int first = 0; first < chunk.rows(); first += memory.rowsPerPart()) {
            int rows = Math.min(memory.rowsPerPart(), chunk.rows() - first);
            middle(lane, mixed.rows(first, rows), y.rows(first, rows));
        }
        Matrix factors = memory.factors()[lane].rows(0, chunk.images());
        kernels.fill(factors, 1);
        kernels.scaleImages(
                y, weights.scale(), logits(lane, chunk, y), factors, null, target.of(chunk));
        target.written(chunk);
    }

    private void middle(int lane, Matrix mixed, Matrix y) {
        int rows = mixed.rows();
        Matrix a = memory.normalised()[lane].rows(0, rows);
        kernels.layerNorm(
                mixed,
                weights.gamma(),
                weights.beta(),
                (float) memory.node().norm().epsilon(),
                memory.rowStatistics()[lane].rows(0, rows),
                a);
        int width = memory.node().width();
        for (int first = 0; first < width; first += memory.middlePerBlock()) {
            int count = Math.min(memory.middlePerBlock(), width - first);
            Matrix h = memory.middle()[lane].rows(0, rows).columns(0, count);
            int block = first / memory.middlePerBlock();
            expand.get(block).multiply(lane, a, h);
            kernels.addBias(h, weights.expansionBias().columns(first, count));
            kernels.gelu(h, h);
            project.get(block).multiply(lane, h, y);
        }
        kernels.addBias(y, weights.projectionBias());
    }

    private @Nullable Matrix logits(int lane, Chunk chunk, Matrix y) {
        if (weights.gate().isEmpty()) {
            return null;
        }
        Matrix means = memory.means()[lane].rows(0, chunk.images());
        Matrix logits = memory.logits()[lane].rows(0, chunk.images());
        kernels.averagePool(y, chunk.images(), pool, means);
        on.multiplyByTransposed(lane, means, weights.gate().get(), logits);
        kernels.addBias(logits, weights.gateBias().orElseThrow());
        return logits;
    }
}
