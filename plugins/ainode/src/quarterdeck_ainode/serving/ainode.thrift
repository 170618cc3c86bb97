// What an AINode of Apache IoTDB 2.0.10 is asked, over framed TBinaryProtocol. Written for this project from the protocol's observed
// behaviour; rpc_messages.py holds the same tables, and a test compares both.
//
// TSStatus, TEndPoint and TLoadSample are IoTDB's own shared structures, repeated here as far as an AINode uses them.

namespace py quarterdeck_ainode.serving

// ---- shared structures

struct TEndPoint {
  1: required string ip
  2: required i32 port
}

struct TSStatus {
  1: required i32 code
  2: optional string message
  3: optional list<TSStatus> subStatus
  4: optional TEndPoint redirectNode
  5: optional bool needRetry
  6: optional binary responseData
}

// Three rates in percent; free disk space in GiB.
struct TLoadSample {
  1: required double cpuUsageRate
  2: required double memoryUsageRate
  3: required double diskUsageRate
  4: required double freeDiskSpace
}

// ---- life of the node

struct TAIHeartbeatReq {
  1: required i64 heartbeatTimestamp
  2: required bool needSamplingLoad
  3: optional bool activated
}

struct TAIHeartbeatResp {
  1: required i64 heartbeatTimestamp
  2: required string status
  3: optional string statusReason
  4: optional TLoadSample loadSample
  5: optional string activateStatus
}

struct TShowAIDevicesResp {
  1: required TSStatus status
  2: required map<string, string> deviceIdMap
}

// ---- models

struct TShowModelsReq {
  1: optional string modelId
}

struct TShowModelsResp {
  1: required TSStatus status
  2: optional list<string> modelIdList
  3: optional map<string, string> modelTypeMap
  4: optional map<string, string> categoryMap
  5: optional map<string, string> stateMap
}

struct TShowLoadedModelsReq {
  1: required list<string> deviceIdList
}

struct TShowLoadedModelsResp {
  1: required TSStatus status
  2: required map<string, map<string, i32>> deviceLoadedModelsMap
}

struct TRegisterModelReq {
  1: required string modelId
  2: required string uri
}

// Older servers asked for the shapes of a model; 2.0.10 reads the status only.
struct TConfigs {
  1: required list<i32> input_shape
  2: required list<i32> output_shape
  3: required list<i8> input_type
  4: required list<i8> output_type
}

struct TRegisterModelResp {
  1: required TSStatus status
  2: optional TConfigs configs
  3: optional string attributes
}

struct TDeleteModelReq {
  1: required string modelId
}

struct TLoadModelReq {
  1: required string existingModelId
  2: required list<string> deviceIdList
}

struct TUnloadModelReq {
  1: required string modelId
  2: required list<string> deviceIdList
}

// ---- inference: data sets are TsBlocks (tsblock.py)

struct TInferenceReq {
  1: required string modelId
  2: required binary dataset
  3: optional map<string, string> inferenceAttributes
}

struct TInferenceResp {
  1: required TSStatus status
  2: optional list<binary> inferenceResult
}

struct TForecastReq {
  1: required string modelId
  2: required binary inputData
  3: required i32 outputLength
  4: optional string historyCovs
  5: optional string futureCovs
  6: optional bool autoAdapt
  7: optional map<string, string> options
}

struct TForecastResp {
  1: required TSStatus status
  2: optional list<binary> forecastResult
}

// ---- fine-tuning, which no Apache server asks for

struct IDataSchema {
  1: required string schemaName
  2: optional list<i64> timeRange
}

struct TTuningReq {
  1: required string dbType
  2: required string modelId
  3: required string existingModelId
  4: optional list<IDataSchema> targetDataSchema
  5: optional map<string, string> parameters
}

// The numbers of the arguments are left out in IoTDB's definition, and thrift counts such ones from -1 down.
service IAINodeRPCService {
  TSStatus stopAINode()
  TAIHeartbeatResp getAIHeartbeat(-1: TAIHeartbeatReq req)
  TShowAIDevicesResp showAIDevices()
  TShowModelsResp showModels(-1: TShowModelsReq req)
  TShowLoadedModelsResp showLoadedModels(-1: TShowLoadedModelsReq req)
  TSStatus deleteModel(-1: TDeleteModelReq req)
  TRegisterModelResp registerModel(-1: TRegisterModelReq req)
  TSStatus loadModel(-1: TLoadModelReq req)
  TSStatus unloadModel(-1: TUnloadModelReq req)
  TInferenceResp inference(-1: TInferenceReq req)
  TForecastResp forecast(-1: TForecastReq req)
  TSStatus createTuningTask(-1: TTuningReq req)
}
