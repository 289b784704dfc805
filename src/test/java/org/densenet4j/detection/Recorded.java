package org.densenet4j.detection;

import org.densenet4j.data.Box;
import org.densenet4j.data.LabelledBox;
import org.densenet4j.io.Safetensors;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What scripts/record_detection.py wrote. */
final class Recorded implements AutoCloseable {
    private static final int OBJECT = 9;
    private static final int DETECTION = 7;

    private final Safetensors file;

    Recorded() throws IOException {
        file = Safetensors.open(Path.of("src/test/resources/golden/detection.safetensors"));
    }

    double[] doubles(String name) {
        return file.tensor(name).toDoubles();
    }

    float[] floats(String name) {
        return file.tensor(name).toFloats();
    }

    double number(String name) {
        return doubles(name)[0];
    }

    List<List<LabelledBox>> objects(String name, int images) {
        List<List<LabelledBox>> all = lists(images);
        double[] rows = doubles(name);
        for (int i = 0; i < rows.length; i += OBJECT) {
            Box box = new Box(rows[i + 5], rows[i + 6], rows[i + 7], rows[i + 8]);
            all.get((int) rows[i])
                    .add(
                            new LabelledBox(
                                    box,
                                    (int) rows[i + 1],
                                    rows[i + 2] > 0,
                                    rows[i + 3] > 0,
                                    rows[i + 4]));
        }
        return all;
    }

    List<List<Detection>> detections(String name, int images) {
        List<List<Detection>> all = lists(images);
        double[] rows = doubles(name);
        for (int i = 0; i < rows.length; i += DETECTION) {
            Box box = new Box(rows[i + 3], rows[i + 4], rows[i + 5], rows[i + 6]);
            all.get((int) rows[i]).add(new Detection(box, (int) rows[i + 1], rows[i + 2]));
        }
        return all;
    }

    private static <T> List<List<T>> lists(int images) {
        List<List<T>> all = new ArrayList<>();
        for (int i = 0; i < images; i++) {
            all.add(new ArrayList<>());
        }
        return all;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
