// answer EXPORT PICTURE.ppm: what a baked export for OpenVINO says about a picture.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <numeric>
#include <openvino/openvino.hpp>

// A decoder of your own gives the same: 8-bit numbers, row by row, red, green, blue.
static ov::Tensor read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string kind;
  size_t width = 0, height = 0, most = 0;
  file >> kind >> width >> height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255)
    throw std::runtime_error(path + " is no binary 8-bit PPM; djpeg -rgb makes one of a JPEG");
  ov::Tensor picture(ov::element::u8, {1, height, width, 3});
  if (!file.read(static_cast<char*>(picture.data()), picture.get_byte_size()))
    throw std::runtime_error(path + " is cut short");
  return picture;
}

// The texts in a JSON list.
static std::vector<std::string> texts(const std::string& json) {
  std::vector<std::string> found;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '"') continue;
    found.emplace_back();
    while (json.at(++i) != '"') found.back() += json[i] == '\\' ? json.at(++i) : json[i];
  }
  return found;
}

int main(int count, char** words) try {
  if (count != 3) throw std::runtime_error("answer EXPORT PICTURE.ppm");
  ov::Core core;
  auto model = core.read_model(std::string(words[1]) + "/model.xml");
  auto classes = texts(model->get_rt_info<std::string>("hubel", "classes"));
  auto threshold = std::stof(model->get_rt_info<std::string>("hubel", "threshold"));
  // By itself OpenVINO takes bfloat16 where the processor has it; float32 is what was proved.
  auto precise = ov::hint::inference_precision(ov::element::f32);
  auto request = core.compile_model(model, "CPU", precise).create_infer_request();

  request.set_input_tensor(read(words[2]));
  request.infer();
  const float* probabilities = request.get_output_tensor().data<float>();

  std::vector<size_t> order(classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return probabilities[a] > probabilities[b]; });
  if (probabilities[order[0]] < threshold) std::cout << "I don't know\n";
  for (size_t i : order) std::cout << probabilities[i] << ' ' << classes[i] << '\n';
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
