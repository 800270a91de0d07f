curl -X POST "https://api.truedy.ai/api/public/v1/agents" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -H "X-Idempotency-Key: 9268623c-f7ff-4871-bf80-cbaac7aa59b9" \
  -d '{
    "name": "Customer Support Agent",
    "voice_id": "a7f2ec82-f533-4f41-a8de-0e4351bd2ec5",
    "system_prompt": "You are a helpful customer support agent.",
    "model": "ultravox-v0.7"
  }'
