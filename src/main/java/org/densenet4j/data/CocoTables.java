package org.densenet4j.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;

import org.densenet4j.io.FailureReason;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The tables of COCO's JSON, row by row: a file of half a gigabyte is read as it comes. */
record CocoTables(List<ImageRow> images, List<Annotation> annotations, List<Category> categories) {
    private static final JsonFactory JSON = new JsonFactory();

    record ImageRow(long id, String fileName, int width, int height) {}

    /** {@code box} is x, y, width, height; {@code area} NaN where there is none. */
    record Annotation(
            long id, long image, long category, double[] box, double area, boolean crowd) {}

    record Category(long id, String name) {}

    static CocoTables read(Path file) throws IOException {
        CocoTables tables = new CocoTables(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        try (InputStream in = Files.newInputStream(file);
                JsonParser json = JSON.createParser(in)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new DataException(
                        file
                                + ": is not a JSON object with images, annotations and"
                                + " categories");
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                json.nextToken();
                tables.table(file, name, json);
            }
            if (json.nextToken() != null) {
                throw new DataException(file + ": goes on behind its JSON object");
            }
        } catch (JsonProcessingException e) {
            throw new DataException(
                    file
                            + ", line "
                            + e.getLocation().getLineNr()
                            + ": is not JSON: "
                            + e.getOriginalMessage(),
                    e);
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            String reason = Files.isDirectory(file) ? "is a folder" : FailureReason.of(e);
            throw new DataException(file + ": " + reason, e);
        }
        return tables;
    }

    private void table(Path file, String name, JsonParser json) throws IOException {
        boolean known =
                name.equals("images") || name.equals("annotations") || name.equals("categories");
        if (!known) {
            json.skipChildren();
            return;
        }
        if (json.currentToken() != JsonToken.START_ARRAY) {
            throw new DataException(file + ": '" + name + "' is not a list");
        }
        for (int number = 0; json.nextToken() != JsonToken.END_ARRAY; number++) {
            Row row = new Row(file + ": " + name + "[" + number + "]", json);
            switch (name) {
                case "images" ->
                        images.add(
                                new ImageRow(
                                        row.whole("id"),
                                        row.text("file_name"),
                                        row.side("width"),
                                        row.side("height")));
                case "categories" ->
                        categories.add(new Category(row.whole("id"), row.text("name")));
                default ->
                        annotations.add(
                                new Annotation(
                                        row.has("id") ? row.whole("id") : number,
                                        row.whole("image_id"),
                                        row.whole("category_id"),
                                        row.box("bbox"),
                                        row.has("area") ? row.number("area") : Double.NaN,
                                        row.has("iscrowd") && row.whole("iscrowd") != 0));
            }
        }
    }

    /** An object's numbers, texts and lists of numbers; what else it has is passed over. */
    private static final class Row {
        private final String what;
        private final Map<String, Object> values = new HashMap<>();

        Row(String what, JsonParser json) throws IOException {
            this.what = what;
            if (json.currentToken() != JsonToken.START_OBJECT) {
                throw new DataException(what + " is not an object");
            }
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                JsonToken token = json.nextToken();
                if (token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NUMBER_FLOAT) {
                    values.put(name, json.getDoubleValue());
                } else if (token == JsonToken.VALUE_STRING) {
                    values.put(name, json.getText());
                } else if (token == JsonToken.START_ARRAY && name.equals("bbox")) {
                    values.put(name, list(json));
                } else {
                    json.skipChildren();
                }
            }
        }

        private static List<Double> list(JsonParser json) throws IOException {
            List<Double> numbers = new ArrayList<>();
            while (json.nextToken() != JsonToken.END_ARRAY) {
                numbers.add(json.currentToken().isNumeric() ? json.getDoubleValue() : Double.NaN);
                json.skipChildren();
            }
            return numbers;
        }

        boolean has(String name) {
            return values.containsKey(name);
        }

        String text(String name) throws DataException {
            if (values.get(name) instanceof String text && !text.isEmpty()) {
                return text;
            }
            throw new DataException(what + " has no text '" + name + "'");
        }

        double number(String name) throws DataException {
            if (values.get(name) instanceof Double value && value >= 0) {
                return value;
            }
            throw new DataException(what + " has no number '" + name + "' of 0 or more");
        }

        long whole(String name) throws DataException {
            // Below 2^53 a double tells whole numbers apart.
            if (values.get(name) instanceof Double value
                    && value == Math.rint(value)
                    && Math.abs(value) < 1L << 53) {
                return value.longValue();
            }
            throw new DataException(what + " has no whole number '" + name + "'");
        }

        int side(String name) throws DataException {
            long value = whole(name);
            if (value < 1 || value > Integer.MAX_VALUE) {
                throw new DataException(what + ": its " + name + " is " + value + " pixels");
            }
            return (int) value;
        }

        double[] box(String name) throws DataException {
            if (values.get(name) instanceof List<?> list && list.size() == 4) {
                double[] box = list.stream().mapToDouble(v -> (Double) v).toArray();
                double sum = box[0] + box[1] + box[2] + box[3];
                if (!Double.isNaN(sum) && !Double.isInfinite(sum)) {
                    return box;
                }
            }
            throw new DataException(
                    what + " has no '" + name + "' of four numbers: left, top, width, height");
        }
    }
}
